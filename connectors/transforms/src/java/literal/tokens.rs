//! A literal cut at the characters that part it.

/// What parts tokens, and is a token of its own, unless a backslash stands before it.
const DELIMITERS: &str = ":,{}[]\"";

/// The tokens of a text, with a way back.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    pub fn new(text: &'t str) -> Tokens<'t> {
        Tokens { text, at: 0 }
    }

    /// Whether nothing but spaces is left.
    pub fn is_at_end(&self) -> bool {
        self.rest().trim().is_empty()
    }

    /// Where the next token begins.
    pub fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to a mark.
    pub fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The next token; empty at the end.
    pub fn next(&mut self) -> &'t str {
        let rest = self.rest();
        let token = rest.get(..length(rest)).unwrap_or("");
        self.at += token.len();
        token
    }

    /// That many tokens as one text.
    pub fn next_of(&mut self, count: usize) -> Option<&'t str> {
        let start = self.at;
        for _ in 0..count {
            if self.next().is_empty() {
                self.at = start;
                return None;
            }
        }
        self.text.get(start..self.at)
    }

    /// Passes over the next token if it is that one; spaces around it do not count.
    pub fn take(&mut self, expected: &str) -> bool {
        let start = self.at;
        let mut token = self.next();
        if token.trim().is_empty() {
            token = self.next();
        }
        let is_it = token.trim() == expected;
        if !is_it {
            self.at = start;
        }
        is_it
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }
}

fn length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        if !escaped && DELIMITERS.contains(character) {
            return if at == 0 { 1 } else { at };
        }
        escaped = !escaped && character == '\\';
    }
    rest.len()
}
