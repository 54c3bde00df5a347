//! When a request is tried again, and how long to wait before.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};

use crate::RetryPolicy;

/// Tells whether a status may be another one a little later.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Reads `Retry-After`: seconds, or a date, of which `now_unix` seconds are taken off.
///
/// What is neither is treated as if it were absent; the caller caps the rest.
pub(crate) fn retry_after(headers: &HeaderMap, now_unix: i64) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = date.as_second().saturating_sub(now_unix);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Counts the tries of one request.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    policy: &'a RetryPolicy,
    made: u32,
    began: Instant,
}

impl<'a> Tries<'a> {
    /// Begins with the first try.
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            policy,
            made: 1,
            began: Instant::now(),
        }
    }

    /// Begins anew: what was achieved since makes the next failure a first one.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.policy);
    }

    /// Returns how long to wait before the next try, or `None` when there is to be none.
    pub(crate) fn next_delay(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.made >= self.policy.tries {
            return None;
        }
        let doubled = self
            .policy
            .first_delay
            .saturating_mul(1 << (self.made - 1).min(16));
        self.made += 1;
        // A registry that is asked by a thousand hosts at once says the same to all of them.
        let jittered = doubled / 2 + doubled.mul_f64(random_fraction() / 2.0);
        let delay = asked
            .unwrap_or_default()
            .max(jittered)
            .min(self.policy.max_delay);
        (self.began.elapsed() + delay <= self.policy.total).then_some(delay)
    }
}

/// Returns a number from 0 to 1; the standard library's hash keys are random enough for jitter.
fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RETRY_AFTER, retry_after.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06 08:49:37 UTC
        let now = 784_111_777;
        let table = [
            ("7", Some(7)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:40:37 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, want) in table {
            assert_eq!(
                super::retry_after(&headers(text), now),
                want.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn tries_end() {
        let policy = RetryPolicy {
            tries: 4,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_millis(300),
            total: Duration::from_secs(10),
        };
        let mut tries = Tries::new(&policy);
        let first = tries.next_delay(None).unwrap();
        assert!(
            first >= Duration::from_millis(50) && first <= Duration::from_millis(100),
            "{first:?}"
        );
        assert_eq!(
            tries.next_delay(Some(Duration::from_secs(3600))),
            Some(policy.max_delay)
        );
        assert!(tries.next_delay(None).is_some());
        assert_eq!(tries.next_delay(None), None);
        tries.reset();
        assert!(tries.next_delay(None).is_some());

        let hasty = RetryPolicy {
            total: Duration::from_millis(10),
            ..policy
        };
        assert_eq!(Tries::new(&hasty).next_delay(None), None);
    }
}
