//! Full-text tables of the source: what they index, and where the text is

/// A virtual table of FTS3, FTS4 or FTS5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullText {
    pub name: String,
    /// `fts3`, `fts4` or `fts5`
    pub module: String,
    /// In order of declaration; empty where the content table's are meant
    pub columns: Vec<FullTextColumn>,
    pub content: Content,
    /// The tokenizer and its arguments, lower case; empty for the module's own choice
    pub tokenizer: String,
    /// Other options of FTS5, by their whole names
    pub options: Vec<(&'static str, String)>,
    /// An option whose meaning no `tsvector` has
    pub unlike: Option<&'static str>,
}

impl FullText {
    /// The value of an option of FTS5; empty where it is not given
    pub fn option(&self, name: &str) -> &str {
        self.options.iter().rfind(|(option, _)| *option == name).map_or("", |(_, value)| value)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTextColumn {
    pub name: String,
    /// Not UNINDEXED or `notindexed=`
    pub indexed: bool,
}

/// Where the text is that was indexed
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In a shadow table
    Own,
    /// In this table or view
    External(String),
    /// Nowhere
    None,
}
