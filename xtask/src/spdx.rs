//! Reading SPDX licence expressions: `OR`, `AND`, `WITH`, brackets, and the old `/` for `OR`.
//!
//! Source of the grammar: SPDX specification 2.3, annex D.

/// A licence expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One licence, with its exception when it has one: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// The user may choose.
    Either(Box<Expression>, Box<Expression>),
    /// All of them hold.
    Both(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Says which word was not expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut reader = Reader { words: &words, depth: 0 };
        let expression = reader.either()?;
        match reader.words.first() {
            None => Ok(expression),
            Some(word) => Err(format!("{word:?} was not expected in {text:?}")),
        }
    }

    /// Whether the expression can be satisfied with licences that `allowed` accepts.
    pub fn allowed(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => allowed(name),
            Self::Either(a, b) => a.allowed(allowed) || b.allowed(allowed),
            Self::Both(a, b) => a.allowed(allowed) && b.allowed(allowed),
        }
    }
}

/// Brackets deeper than this are refused: manifests come from others.
const MAX_DEPTH: usize = 16;

struct Reader<'a> {
    words: &'a [&'a str],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.words.first().is_some_and(|next| next.eq_ignore_ascii_case(word));
        if is {
            self.take();
        }
        is
    }

    fn either(&mut self) -> Result<Expression, String> {
        let mut left = self.both()?;
        while self.next_is("OR") {
            left = Expression::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression, String> {
        let mut left = self.single()?;
        while self.next_is("AND") {
            left = Expression::Both(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Expression, String> {
        if self.next_is("(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err("brackets are too deep".to_owned());
            }
            let inside = self.either()?;
            self.depth -= 1;
            return if self.next_is(")") { Ok(inside) } else { Err("a bracket is not closed".to_owned()) };
        }
        let name = self.take().ok_or("the expression ends too early")?;
        if [")", "OR", "AND", "WITH"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(format!("{name:?} stands where a licence should"));
        }
        if self.next_is("WITH") {
            let exception = self.take().ok_or("WITH names no exception")?;
            return Ok(Expression::Licence(format!("{name} WITH {exception}")));
        }
        Ok(Expression::Licence(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mit_or_isc(name: &str) -> bool {
        matches!(name, "MIT" | "ISC")
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let expression = Expression::parse("GPL-3.0 AND MIT OR ISC").unwrap();
        assert!(expression.allowed(&mit_or_isc), "ISC alone satisfies it");
        let expression = Expression::parse("GPL-3.0 AND (MIT OR ISC)").unwrap();
        assert!(!expression.allowed(&mit_or_isc), "GPL-3.0 must hold too");
    }

    #[test]
    fn a_choice_needs_one_and_a_conjunction_all() {
        assert!(Expression::parse("GPL-2.0 OR MIT").unwrap().allowed(&mit_or_isc));
        assert!(Expression::parse("GPL-2.0/MIT").unwrap().allowed(&mit_or_isc));
        assert!(!Expression::parse("GPL-2.0 AND MIT").unwrap().allowed(&mit_or_isc));
        assert!(!Expression::parse("MIT WITH Some-exception").unwrap().allowed(&mit_or_isc));
    }

    #[test]
    fn broken_expressions_are_refused() {
        for text in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH", "()"] {
            assert!(Expression::parse(text).is_err(), "{text:?}");
        }
        assert!(Expression::parse(&"(".repeat(100_000)).is_err());
    }
}
