//! Figures and tables.

use crate::*;

/// Least, median, most.
pub fn spread<T: Copy + PartialOrd>(mut values: Vec<T>) -> (T, T, T) {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// What this process has computed so far, on all cores: hardly touched by what else the machine does. Zero where it is not told.
pub fn processor_time() -> Duration {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // In hundredths of a second on every Linux.
    Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

pub fn per_second(count: usize, time: Duration) -> usize {
    (count as f64 / time.as_secs_f64()) as usize
}

pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

pub fn verdict(met: bool) -> String {
    if met { "met" } else { "missed" }.to_owned()
}

/// A table in Markdown.
pub struct Table {
    pub title: &'static str,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &'static str, heads: &[&str]) -> Self {
        Self { title, rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: &[String]) {
        println!("{}: {}", self.title, cells.join(" | "));
        self.rows.push(cells.to_vec());
    }

    pub fn print(&self) {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|n| self.rows.iter().map(|row| row[n].chars().count()).max().unwrap())
            .collect();
        println!("\n## {}\n", self.title);
        for (n, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if n == 0 {
                println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
            }
        }
        println!();
    }
}
