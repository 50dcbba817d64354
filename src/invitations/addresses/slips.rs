//! How many slips of the fingers lie between two words.

/// Letters added, left out, mistaken, or swapped with their neighbour (optimal string alignment), when that is at
/// most `most`. Works on bytes: addresses are ASCII.
pub(super) fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut left_a = None;
    for (row, x) in a.bytes().enumerate() {
        let current = next_row(row, (left_a, x), b, &last, &before_last);
        if current.iter().all(|count| *count > most) {
            return None;
        }
        before_last = std::mem::replace(&mut last, current);
        left_a = Some(x);
    }
    last.last().copied().filter(|count| *count <= most)
}

fn next_row(row: usize, (left_a, x): (Option<u8>, u8), b: &str, last: &[usize], before_last: &[usize]) -> Vec<usize> {
    let at = |counts: &[usize], column: usize| counts.get(column).copied().unwrap_or(usize::MAX - 1);
    let mut current = Vec::with_capacity(last.len());
    let mut left = row + 1;
    current.push(left);
    let mut left_b = None;
    for (column, y) in b.bytes().enumerate() {
        let mut count = at(last, column) + usize::from(x != y);
        count = count.min(left + 1).min(at(last, column + 1) + 1);
        if left_b == Some(x) && left_a == Some(y) {
            count = count.min(at(before_last, column - 1) + 1);
        }
        current.push(count);
        left = count;
        left_b = Some(y);
    }
    current
}

#[cfg(test)]
mod tests {
    use super::slips;
    use proptest::prelude::*;

    #[test]
    fn counts_as_fingers_slip() {
        for (a, b, count) in [
            ("northfield", "northfield", Some(0)),
            ("northfeild", "northfield", Some(1)),
            ("nothfield", "northfield", Some(1)),
            ("northfieldd", "northfield", Some(1)),
            ("norphfield", "northfield", Some(1)),
            ("gmial.con", "gmail.com", Some(2)),
            ("", "ab", Some(2)),
            ("", "abc", None),
            ("abcdef", "fedcba", None),
            ("ca", "abc", None),
        ] {
            assert_eq!(slips(a, b, 2), count, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn is_the_same_both_ways(a in "[abc]{0,8}", b in "[abc]{0,8}") {
            prop_assert_eq!(slips(&a, &b, 3), slips(&b, &a, 3));
            prop_assert_eq!(slips(&a, &b, 0).is_some(), a == b);
        }
    }
}
