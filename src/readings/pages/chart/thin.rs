//! Fewer points where they would lie on each other: of each stretch of time the highest and the lowest entry, and one of the worst
//! severity. What stands out is never lost.

use super::Point;

/// The points that are drawn, in their order, of points in the order of time.
pub(super) fn thin(points: &[Point], from: i64, to: i64, columns: usize) -> Vec<Point> {
    if points.len() <= columns {
        return points.to_vec();
    }
    let width = (to - from).max(1);
    let columns = i64::try_from(columns).unwrap_or(1).max(1);
    // Wide numbers: milliseconds of a century times columns.
    let column = |point: &Point| i128::from(point.at - from) * i128::from(columns) / i128::from(width);
    let mut kept: Vec<Point> = Vec::new();
    for stretch in points.chunk_by(|one, other| column(one) == column(other)) {
        let at = |better: fn(&Point, &Point) -> bool| {
            let mut best = 0;
            for (n, point) in stretch.iter().enumerate() {
                if stretch.get(best).is_some_and(|known| better(point, known)) {
                    best = n;
                }
            }
            best
        };
        let lowest = |point: &Point| point.second.unwrap_or(point.first);
        let mut wanted =
            vec![at(|point, known| point.first > known.first), at(|point, known| point.severity > known.severity)];
        let mut least = 0;
        for (n, point) in stretch.iter().enumerate() {
            if stretch.get(least).is_some_and(|known| lowest(point) < lowest(known)) {
                least = n;
            }
        }
        wanted.push(least);
        wanted.sort_unstable();
        wanted.dedup();
        kept.extend(wanted.into_iter().filter_map(|n| stretch.get(n).cloned()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::Severity;

    #[test]
    fn extremes_and_the_worst_are_never_lost() {
        let point = |n: i64| Point {
            at: n,
            first: f64::from(i32::try_from(n * 7919 % 1000).unwrap()),
            second: None,
            severity: if n == 4321 { Severity::Red } else { Severity::Green },
            says: String::new(),
        };
        let points: Vec<_> = (0..10_000).map(point).collect();
        let kept = thin(&points, 0, 9_999, 100);
        assert!(kept.len() <= 303, "{}", kept.len());
        assert!(kept.is_sorted_by_key(|point| point.at));
        assert!(kept.iter().any(|point| point.severity == Severity::Red));
        let most = |points: &[Point]| points.iter().map(|point| point.first).fold(0.0, f64::max);
        assert_eq!(most(&kept), most(&points));
        assert_eq!(thin(&points[..50], 0, 9_999, 100).len(), 50, "few are all drawn");
    }
}
