//! Maps of sparse files: which fragments of a file the tar holds, the rest being zeros.
//!
//! Four forms exist. Old GNU (type flag `S`) has four fragments in the header and 21 in each
//! block behind it. PAX 0.0 has a pair of records per fragment, PAX 0.1 one record with all
//! numbers, PAX 1.0 a text of decimal lines in front of the content, padded to a block.

use crate::header::{BLOCK, unsigned};
use crate::member::Rule;
use crate::pax::{SparseRecords, decimal};

/// Most fragments of one file.
pub(crate) const FRAGMENTS: usize = 4096;

/// Bytes of a fragment in the old GNU form: twelve of offset, twelve of length.
const GNU_FRAGMENT: usize = 24;

/// Where a fragment lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// A checked map: fragments in order, apart, none empty, all below the file's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) fragments: Vec<Fragment>,
    pub(crate) real_size: u64,
    pub(crate) stored: u64,
}

/// Holds a growing map to the limit.
pub(crate) fn check_count(fragments: usize) -> Result<(), Rule> {
    if fragments > FRAGMENTS {
        return Err(Rule::SparseCount { limit: FRAGMENTS });
    }
    Ok(())
}

impl Map {
    /// Checks that the fragments fit the file and are as many bytes as the tar holds.
    pub(crate) fn new(
        mut fragments: Vec<Fragment>,
        real_size: u64,
        stored: u64,
    ) -> Result<Self, Rule> {
        check_count(fragments.len())?;
        let mut end = 0_u64;
        let mut bytes = 0_u64;
        for fragment in &fragments {
            if fragment.offset < end {
                return Err(Rule::SparseFragments);
            }
            end = fragment
                .offset
                .checked_add(fragment.length)
                .ok_or(Rule::SparseFragments)?;
            bytes += fragment.length;
        }
        if end > real_size || bytes != stored {
            return Err(Rule::SparseFragments);
        }
        fragments.retain(|fragment| fragment.length > 0);
        Ok(Self {
            fragments,
            real_size,
            stored,
        })
    }
}

/// Reads the fragments of an old GNU header or of a block behind it.
pub(crate) fn read_gnu(fields: &[u8], fragments: &mut Vec<Fragment>) -> Result<(), Rule> {
    let mut ended = false;
    for field in fields.chunks_exact(GNU_FRAGMENT) {
        let (offset, length) = field.split_at(GNU_FRAGMENT / 2);
        // Go looks for the end in the offset, GNU tar in the length.
        match (offset[0], length[0]) {
            (0, 0) => ended = true,
            (0, _) | (_, 0) => return Err(Rule::SparseMap),
            _ if ended => return Err(Rule::SparseMap),
            _ => {
                fragments.push(Fragment {
                    offset: unsigned(offset, "sparse fragment")?,
                    length: unsigned(length, "sparse fragment")?,
                });
                check_count(fragments.len())?;
            }
        }
    }
    Ok(())
}

/// What PAX records say about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PaxForm {
    /// Nothing.
    None,
    /// 0.0 or 0.1: the fragments.
    Listed(Vec<Fragment>),
    /// 1.0: the fragments stand in front of the content.
    InContent,
}

/// Tells which of the PAX forms a file is in.
pub(crate) fn pax_form(records: &SparseRecords) -> Result<PaxForm, Rule> {
    if *records == SparseRecords::default() {
        return Ok(PaxForm::None);
    }
    match (records.major, records.minor) {
        (Some(1), Some(0)) => {
            let listed = records.map.is_some() || !records.pairs.is_empty();
            return if listed {
                Err(Rule::SparseMap)
            } else {
                Ok(PaxForm::InContent)
            };
        }
        (None, None) | (Some(0), Some(0 | 1)) => {}
        _ => return Err(Rule::SparseMap),
    }
    let numbers = match &records.map {
        None => records.pairs.clone(),
        Some(_) if !records.pairs.is_empty() => return Err(Rule::SparseMap),
        Some(map) => {
            check_count(map.iter().filter(|&&b| b == b',').count() / 2)?;
            map.split(|&b| b == b',')
                .map(|number| decimal(number).ok_or(Rule::SparseMap))
                .collect::<Result<_, _>>()?
        }
    };
    if !numbers.len().is_multiple_of(2) || records.count != Some(numbers.len() as u64 / 2) {
        return Err(Rule::SparseMap);
    }
    Ok(PaxForm::Listed(pairs(&numbers)))
}

fn pairs(numbers: &[u64]) -> Vec<Fragment> {
    let pairs = numbers.chunks_exact(2);
    pairs
        .map(|pair| Fragment {
            offset: pair[0],
            length: pair[1],
        })
        .collect()
}

/// Reads the text in front of a PAX 1.0 file, block by block.
#[derive(Debug, Default)]
pub(crate) struct MapText {
    line: Vec<u8>,
    numbers: Vec<u64>,
}

impl MapText {
    /// Takes a block; gives the fragments once they are complete.
    pub(crate) fn block(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<Fragment>>, Rule> {
        /// Digits of 2^64.
        const LINE_BYTES: usize = 20;
        for &byte in block {
            if byte != b'\n' {
                if self.line.len() == LINE_BYTES {
                    return Err(Rule::SparseMap);
                }
                self.line.push(byte);
                continue;
            }
            self.numbers
                .push(decimal(&self.line).ok_or(Rule::SparseMap)?);
            self.line.clear();
            let count = usize::try_from(self.numbers[0]).unwrap_or(usize::MAX);
            check_count(count)?;
            if self.numbers.len() == 1 + 2 * count {
                return Ok(Some(pairs(&self.numbers[1..])));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fragments: &[(u64, u64)], real_size: u64, stored: u64) -> Result<Map, Rule> {
        let fragments = fragments
            .iter()
            .map(|&(offset, length)| Fragment { offset, length })
            .collect();
        Map::new(fragments, real_size, stored)
    }

    #[test]
    fn fragments_must_fit() {
        assert_eq!(
            map(&[(0, 5), (10, 5), (20, 0)], 20, 10)
                .unwrap()
                .fragments
                .len(),
            2
        );
        for (fragments, real_size, stored) in [
            (&[(0, 5), (4, 5)][..], 20, 10),
            (&[(10, 5), (0, 5)], 20, 10),
            (&[(0, 5), (16, 5)], 20, 10),
            (&[(0, 5)], 20, 6),
            (&[(0, 5)], 20, 4),
            (&[(u64::MAX, 1)], 20, 1),
            (&[(21, 0)], 20, 0),
        ] {
            assert_eq!(
                map(fragments, real_size, stored),
                Err(Rule::SparseFragments)
            );
        }
        assert!(map(&vec![(0, 0); FRAGMENTS], 0, 0).is_ok());
        assert!(map(&vec![(0, 0); FRAGMENTS + 1], 0, 0).is_err());
    }

    #[test]
    fn the_text_of_a_map() {
        let read = |text: &[u8]| {
            let mut map = MapText::default();
            for chunk in text.chunks(BLOCK) {
                let mut block = [0; BLOCK];
                block[..chunk.len()].copy_from_slice(chunk);
                if let Some(fragments) = map.block(&block)? {
                    return Ok(Some(fragments));
                }
            }
            Ok::<_, Rule>(None)
        };
        assert_eq!(read(b"0\n"), Ok(Some(vec![])));
        assert_eq!(
            read(b"1\n3\n4\n"),
            Ok(Some(vec![Fragment {
                offset: 3,
                length: 4
            }]))
        );
        assert_eq!(read(b"2\n3\n4\n"), Err(Rule::SparseMap));
        assert_eq!(read(b"4097\n"), Err(Rule::SparseCount { limit: FRAGMENTS }));
        assert_eq!(read(b"99999999999999999999999999\n"), Err(Rule::SparseMap));
        assert_eq!(read(b"-1\n"), Err(Rule::SparseMap));
        let long = ["200\n".to_owned(), "1\n0\n".repeat(200)].concat();
        assert_eq!(read(long.as_bytes()).unwrap().unwrap().len(), 200);
    }
}
