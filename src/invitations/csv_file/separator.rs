//! Which character stands between columns: spreadsheets write a comma, a semicolon, a tab or a bar, by country.

const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A first line `sep=;` is Excel's own way of saying it. Gives the separator, and the text after that line.
pub(super) fn declared(text: &str) -> (Option<char>, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let declared = first.trim_matches('"').strip_prefix("sep=").and_then(|value| {
        let mut letters = value.chars();
        let only = letters.next().filter(|c| SEPARATORS.contains(c))?;
        letters.next().is_none().then_some(only)
    });
    if declared.is_some() { (declared, rest) } else { (None, text) }
}

/// Each line has one vote: the first separator after its "@", or in it when it has none. The first column ends there,
/// whatever commas the names and notes hold.
pub(super) fn sniff(text: &str) -> Option<char> {
    let mut with_at = [0_usize; SEPARATORS.len()];
    let mut without = [0_usize; SEPARATORS.len()];
    for line in text.split('\n') {
        let (vote, has_at) = vote(line);
        let votes = if has_at { &mut with_at } else { &mut without };
        if let Some(count) = vote.and_then(|index| votes.get_mut(index)) {
            *count += 1;
        }
    }
    winner(&with_at).or_else(|| winner(&without))
}

/// The index of the separator that a line votes for, and whether it holds an "@" outside quotation marks.
fn vote(line: &str) -> (Option<usize>, bool) {
    let mut quoted = false;
    let mut first = None;
    let mut first_after_at = None;
    let mut has_at = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '@' => has_at = true,
            _ if quoted => {}
            _ => {
                let index = SEPARATORS.iter().position(|separator| *separator == c);
                first = first.or(index);
                if has_at {
                    first_after_at = first_after_at.or(index);
                }
            }
        }
    }
    (if has_at { first_after_at } else { first }, has_at)
}

/// The most voted; the earlier one of equals.
fn winner(votes: &[usize; SEPARATORS.len()]) -> Option<char> {
    let most = votes.iter().copied().max().filter(|most| *most > 0)?;
    let index = votes.iter().position(|count| *count == most)?;
    SEPARATORS.get(index).copied()
}

/// Gives a cell's name its quotation marks back, which reading took (`"Okafor, Ben" <ben@x.example>`), so that the
/// cell can stand in a list of addresses.
pub(super) fn with_quotes(cell: &str) -> String {
    match cell.split_once('<') {
        Some((name, rest)) if name.contains([',', ';']) && !name.contains('"') => {
            format!("\"{}\" <{rest}", name.trim())
        }
        _ => cell.to_owned(),
    }
}
