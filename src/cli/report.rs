//! `crossfade report`

use std::path::Path;

use super::print_json;
use crate::engine::job::Context;
use crate::engine::report;
use crate::error::Result;

/// Prints the record of the migration, or writes it as a page
pub fn run(context: &Context, html: Option<&Path>, json: bool, digests: bool) -> Result<()> {
    let report = report::gather(context, digests)?;
    match html {
        Some(path) => {
            report::write_page(&report, path)?;
            context.reporter.line(&format!("the report is in `{}`", path.display()));
            Ok(())
        }
        None if json => print_json(&report),
        None => {
            print!("{}", report.text());
            Ok(())
        }
    }
}
