//! From places of generated code back to the text that the user wrote.

use oxc_sourcemap::{SourceMap, Token};

/// The map of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineMap {
    tokens: Vec<Token>,
    mappings: String,
}

impl LineMap {
    /// Keeps what is needed of a source map: no names, no texts.
    pub(crate) fn new(map: &SourceMap<'_>) -> Self {
        let tokens: Vec<Token> = map
            .get_tokens()
            .map(|t| {
                Token::new(
                    t.get_dst_line(),
                    t.get_dst_col(),
                    t.get_src_line(),
                    t.get_src_col(),
                    Some(0),
                    None,
                )
            })
            .collect();
        let bare = SourceMap::new(
            None,
            Vec::new(),
            None,
            vec!["".into()],
            vec![None],
            tokens.clone().into_boxed_slice(),
            None,
        );
        Self { mappings: bare.to_json().mappings, tokens }
    }

    /// The place that the user wrote, lines and columns from 1: that of the nearest token before it on its line.
    pub(crate) fn find(&self, line: u32, column: u32) -> Option<(u32, u32)> {
        let wanted = (line.checked_sub(1)?, column.checked_sub(1)?);
        let after =
            self.tokens.partition_point(|token| (token.get_dst_line(), token.get_dst_col()) <= wanted);
        let token = self.tokens.get(after.checked_sub(1)?).filter(|token| token.get_dst_line() == wanted.0);
        // Before the first token of its line: that one.
        let token =
            token.or_else(|| self.tokens.get(after).filter(|token| token.get_dst_line() == wanted.0))?;
        Some((token.get_src_line() + 1, token.get_src_col() + 1))
    }

    /// The `mappings` of a source map with one source.
    pub(crate) fn mappings(&self) -> &str {
        &self.mappings
    }
}
