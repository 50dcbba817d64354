//! Takes a list apart as a person would read it: at commas, semicolons, line ends, tabs and spaces, while a name
//! and its address (`"Okafor, Ben" <ben@x.example>`) stay together.
//!
//! Marks that do not pair count as letters, so a stray one spoils its own item and never the rest of the list.
//! Every character is looked at a bounded number of times.

/// The items of a list, in order. Only white space, commas and semicolons between items are left out.
pub fn split_list(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    for line in text.split(ends_line) {
        let mut reading = Line::new(line);
        reading.read();
        items.extend(reading.finish());
    }
    items
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// From and to, in bytes of the line.
type Span = (usize, usize);

struct Piece {
    span: Span,
    /// What stood in front of it: `;`, `,`, a tab, or a space; at the line's start a `;`, which divides as surely.
    after: char,
    /// Ends in `<…@…>`.
    mailbox: bool,
}

struct Line<'a> {
    line: &'a str,
    at: usize,
    /// Where the current word began.
    word: Option<usize>,
    /// The words since the last item.
    words: Vec<Span>,
    pieces: Vec<Piece>,
    after: char,
    semicolons: bool,
}

impl<'a> Line<'a> {
    fn new(line: &'a str) -> Line<'a> {
        Line { line, at: 0, word: None, words: Vec::new(), pieces: Vec::new(), after: ';', semicolons: false }
    }

    fn text(&self, (from, to): Span) -> &'a str {
        self.line.get(from..to).unwrap_or_default()
    }

    fn rest(&self, from: usize) -> &'a str {
        self.line.get(from..).unwrap_or_default()
    }

    fn read(&mut self) {
        let mut quotes = true;
        while let Some(c) = self.rest(self.at).chars().next() {
            let end = self.at + c.len_utf8();
            match c {
                ',' | ';' | '\t' => self.separator(c),
                '"' if quotes && self.word.is_none() => {
                    let closing = self.rest(end).find('"');
                    quotes = closing.is_some();
                    self.word = Some(self.at);
                    if let Some(to) = closing.map(|length| end + length).filter(|to| !is_list(self.text((end, *to)))) {
                        self.at = to + 1;
                        continue;
                    }
                }
                '<' => {
                    if let Some(to) = self.closing_bracket(end) {
                        self.mailbox(to);
                        self.at = to;
                        continue;
                    }
                    self.word.get_or_insert(self.at);
                }
                _ if c.is_whitespace() => self.end_word(),
                _ => {
                    self.word.get_or_insert(self.at);
                }
            }
            self.at = end;
        }
        self.end_words();
    }

    /// The end of `<…>` when it holds an address; `<` again, or the line's end, means that it does not.
    fn closing_bracket(&self, from: usize) -> Option<usize> {
        let inside = self.rest(from);
        let length = inside.find(['<', '>'])?;
        let content = inside.get(..length)?;
        let closed = inside.get(length..)?.starts_with('>');
        (closed && content.contains('@') && !is_list(content)).then_some(from + length + 1)
    }

    fn separator(&mut self, c: char) {
        self.end_words();
        self.after = c;
        self.semicolons |= c == ';';
    }

    fn end_word(&mut self) {
        if let Some(from) = self.word.take() {
            self.words.push((from, self.at));
        }
    }

    /// Makes items of the words so far. Those without an "@" stay together: they are one thing that is no address.
    fn end_words(&mut self) {
        self.end_word();
        let mut apart: Option<Span> = None;
        for word in std::mem::take(&mut self.words) {
            if self.text(word).contains('@') {
                self.push_some(apart.take());
                self.push(word, false);
            } else {
                apart = Some((apart.map_or(word.0, |(from, _)| from), word.1));
            }
        }
        self.push_some(apart);
    }

    fn push_some(&mut self, span: Option<Span>) {
        if let Some(span) = span {
            self.push(span, false);
        }
    }

    fn push(&mut self, span: Span, mailbox: bool) {
        self.pieces.push(Piece { span, after: std::mem::replace(&mut self.after, ' '), mailbox });
    }

    /// `<…>` closes here: the words before it are the name, as far back as the last address among them.
    fn mailbox(&mut self, to: usize) {
        let bracket = self.at;
        self.end_word();
        let address = self.text((bracket, to)).trim_matches(['<', '>', ' ']);
        let is_other_address = |word: &Span| {
            let text = self.text(*word);
            // Outlook writes the address itself as the name of somebody whose name it does not know.
            text.contains('@') && !text.starts_with('"') && text.trim_matches('\'') != address
        };
        let name_from = self.words.iter().rposition(is_other_address).map_or(0, |last| last + 1);
        let name = self.words.split_off(name_from.min(self.words.len()));
        self.end_words();
        self.push((name.first().map_or(bracket, |word| word.0), to), true);
    }

    fn finish(self) -> Vec<String> {
        let mut items = Vec::with_capacity(self.pieces.len());
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut span = piece.span;
            if let Some(next) = pieces.peek().filter(|next| self.is_surname(piece, next)) {
                let last = next.span.1;
                // Only when nothing else stands between the semicolons.
                let ahead = pieces.clone().nth(1);
                if ahead.is_none_or(|ahead| ahead.after == ';') {
                    span.1 = last;
                    pieces.next();
                }
            }
            items.push(self.text(span).to_owned());
        }
        items
    }

    /// Outlook copies people as `Okafor, Ben <ben@x.example>; Lee, Ann <ann@x.example>`. A comma alone divides a
    /// list, so this takes a line with semicolons to be sure.
    fn is_surname(&self, piece: &Piece, next: &Piece) -> bool {
        self.semicolons
            && piece.after == ';'
            && next.after == ','
            && next.mailbox
            && !self.text(piece.span).contains('@')
    }
}

/// Whether something between marks is really several items, so that the marks do not pair.
fn is_list(inside: &str) -> bool {
    inside.contains('@') && inside.contains([',', ';', '\t'])
}
