//! Keys that are no characters, for `Browser::press`. They can be joined with characters.

#![allow(dead_code, reason = "a set: which of them the tests use changes")]

pub const ENTER: &str = "\u{E007}";
pub const TAB: &str = "\u{E004}";
pub const ESCAPE: &str = "\u{E00C}";
pub const SPACE: &str = " ";
pub const LEFT: &str = "\u{E012}";
pub const UP: &str = "\u{E013}";
pub const RIGHT: &str = "\u{E014}";
pub const DOWN: &str = "\u{E015}";
pub const HOME: &str = "\u{E011}";
pub const END: &str = "\u{E010}";
pub const BACKSPACE: &str = "\u{E003}";
/// Held down for the keys that follow it in the same `press`.
pub const SHIFT: &str = "\u{E008}";
