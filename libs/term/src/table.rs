//! Aligned columns for people. Machines get JSON: nobody should parse this.

use std::io::{self, Write};

use crate::error::printable;

/// Rows under upper-case headers, columns padded to their widest cell, two spaces apart.
#[derive(Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column headers.
    pub fn new(headers: &[&str]) -> Table {
        Table {
            headers: headers.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// A table without a header line.
    pub fn bare() -> Table {
        Table::default()
    }

    /// Adds a row; missing cells are empty, control characters are escaped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter();
        self.rows
            .push(cells.map(|cell| printable(cell.as_ref(), " ")).collect());
    }

    /// Writes the table; nothing at all, not even headers, when there are no rows.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut widths: Vec<usize> = Vec::new();
        let lines = || std::iter::once(&self.headers).chain(&self.rows);
        for line in lines() {
            for (column, cell) in line.iter().enumerate() {
                let width = cell.chars().count();
                match widths.get_mut(column) {
                    Some(widest) => *widest = (*widest).max(width),
                    None => widths.push(width),
                }
            }
        }
        for line in lines().filter(|line| !line.is_empty()) {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                text.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }

    /// Writes the table to standard output.
    ///
    /// # Errors
    /// When standard output fails.
    pub fn print(&self) -> io::Result<()> {
        let mut out = crate::Stdout::new();
        self.write(&mut out)?;
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_tail() {
        let mut table = Table::new(&["NAME", "SIZE"]);
        table.row(["a\u{1b}", "1kB"]);
        table.row(["longer-name"]);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "NAME         SIZE\na\\u{1b}      1kB\nlonger-name\n"
        );
    }
}
