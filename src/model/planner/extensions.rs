//! Extensions that the plan needs, and those that the operator wants

use super::{Notes, Request};
use crate::model::plan::ExtensionPlan;
use crate::model::schema::quote_identifier;

/// Why the target cannot have an extension
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub why: &'static str,
    pub remedy: String,
}

/// The extension as the target has it, or would get it
pub(super) fn find(request: &Request<'_>, name: &str) -> Result<ExtensionPlan, Missing> {
    let schema = request.target_schema;
    let statement = format!("CREATE EXTENSION {} SCHEMA {};", quote_identifier(name), quote_identifier(schema));
    let Some(extension) = request.offer.extension(name) else {
        let remedy = format!("install it on the server; then an administrator runs: {statement}");
        return Err(Missing { why: "is not installed on the server", remedy });
    };
    match &extension.schema {
        Some(schema) => Ok(ExtensionPlan { name: name.into(), schema: schema.clone(), created: false }),
        None if extension.permitted => Ok(ExtensionPlan { name: name.into(), schema: schema.into(), created: true }),
        None => Err(Missing {
            why: "is not in the database, and the role may not create it",
            remedy: format!("an administrator runs: {statement}"),
        }),
    }
}

/// Adds those that the operator names; what cannot be had is refused, because someone relies on it
pub(super) fn add_wanted(extensions: &mut Vec<ExtensionPlan>, request: &Request<'_>, notes: &mut Notes) {
    for name in &request.choices.extensions {
        match find(request, name) {
            Ok(extension) => add(extensions, extension),
            Err(missing) => notes.refuse(&format!("extension {name}"), missing.why, &missing.remedy),
        }
    }
}

/// Each once
pub(super) fn add(extensions: &mut Vec<ExtensionPlan>, extension: ExtensionPlan) {
    if !extensions.iter().any(|known| known.name == extension.name) {
        extensions.push(extension);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::choices::Choices;
    use crate::model::extensions::{Extension, Offer};
    use crate::model::plan::ExtensionPlan;
    use crate::model::planner::{Found, Request, make_plan};

    #[test]
    fn wanted_extensions_are_created_once_or_refused_with_the_statement() {
        let extension = |name: &str, schema: Option<&str>, permitted| Extension {
            name: name.into(),
            version: "1.0".into(),
            schema: schema.map(str::to_string),
            permitted,
        };
        let offer = Offer {
            extensions: vec![
                extension("vector", Some("ext"), false),
                extension("pg_trgm", None, true),
                extension("citext", None, false),
            ],
            ..Offer::default()
        };
        let wanted = ["vector", "pg_trgm", "pg_trgm", "citext", "no\"ne"];
        let choices = Choices { extensions: wanted.map(String::from).into(), ..Choices::default() };
        let request = Request { target_schema: "my app", choices: &choices, offer: &offer };
        let plan = make_plan(Found::default(), &request).plan;
        let planned =
            |name: &str, schema: &str, created| ExtensionPlan { name: name.into(), schema: schema.into(), created };
        assert_eq!(plan.extensions, [planned("vector", "ext", false), planned("pg_trgm", "my app", true)]);
        let [citext, none] = plan.refusals.as_slice() else { panic!("{:?}", plan.refusals) };
        assert_eq!(citext.object, "extension citext");
        let remedy = citext.remedy.as_deref().unwrap();
        assert_eq!(remedy, "an administrator runs: CREATE EXTENSION \"citext\" SCHEMA \"my app\";");
        assert!(none.message.contains("not installed"), "{none:?}");
        assert!(none.remedy.as_deref().unwrap().contains("CREATE EXTENSION \"no\"\"ne\""), "{none:?}");
    }
}
