//! What a server offers beside its built-in types: extensions, and text search configurations

/// Extensions and text search configurations of a target, as seen while planning
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    pub extensions: Vec<Extension>,
    /// Names of text search configurations, with and without their schema
    pub text_search: Vec<String>,
}

/// An extension that the server has the files of, or the database has
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    /// That is in the database, or would be
    pub version: String,
    /// The schema that it is in; `None` where it is not created in this database
    pub schema: Option<String>,
    /// Our role may create it
    pub permitted: bool,
}

impl Offer {
    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.name == name)
    }
}
