//! `plan --out FILE`: the plan as a file that people edit and give back

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::Pair;
use crate::config::ConfigFile;
use crate::engine::job::Context;
use crate::error::{Error, Result};
use crate::model::choices::{Choices, Identifiers};
use crate::model::plan::Mode;
use crate::model::planfile::write::{Content, write};
use crate::model::planner::Proven;
use crate::model::words::{counted, grouped};

/// The file to be written, and the one whose edits it keeps
pub struct PlanFile {
    out: PathBuf,
    base: Option<PathBuf>,
}

impl PlanFile {
    /// A file that is there already is what the plan is made with
    ///
    /// # Errors
    /// Two files, of which one would be lost.
    pub fn prepare(pair: &mut Pair, out: PathBuf) -> Result<PlanFile> {
        // A link stays one.
        let out = out.canonicalize().unwrap_or(out);
        if out.exists() {
            let config = pair.config.get_or_insert_with(|| out.clone());
            if config.canonicalize().ok().as_ref() != Some(&out) {
                return Err(Error::usage(format!("`{}` is there already", out.display()))
                    .hint("give it as --config too, to keep its edits; or write to another file"));
            }
        }
        Ok(PlanFile { out, base: pair.config.clone() })
    }

    /// Writes the plan over the edits, in one step: a reader sees the old file or the new one
    pub fn write(&self, context: &Context, proven: &Proven) -> Result<()> {
        let old = self.base.as_deref().map(ConfigFile::read).transpose()?;
        let old = old.map(|file| (file.text, file.content.choices()));
        // The command line may say who makes the schema, and how its names are written.
        let planned_with = |choices: &Choices| {
            let stated = &context.settings.choices;
            let mut choices = Choices { schema: stated.schema, ..choices.clone() };
            choices.defaults.identifiers = stated.defaults.identifiers;
            choices
        };
        if old.as_ref().is_some_and(|(_, choices)| planned_with(choices) != context.settings.choices) {
            return Err(Error::usage("the plan file was changed while the plan was made").hint("plan again"));
        }
        let plan = &proven.plan;
        let path = &context.settings.source;
        let content = Content {
            title: title(path, proven),
            source: path.to_str().map(str::to_owned),
            existing: plan.mode == Mode::Existing,
            identifiers: self.said_beside(old.as_ref().map(|(_, choices)| choices), context),
            own: &proven.own,
            known: &proven.known,
            warnings: &plan.warnings,
            refusals: &plan.refusals,
        };
        let name = self.out.display();
        let text = write(old.as_ref().map(|(text, choices)| (text.as_str(), choices)), &content)
            .map_err(|why| Error::usage(format!("cannot add to the plan file `{name}`: {why}")))?;
        self.replace(&text).map_err(|e| Error::usage(format!("cannot write `{name}`")).caused_by(e))?;
        context.reporter.line(&format!("the plan is in `{name}`; edit it, and give it back with --config"));
        Ok(())
    }

    /// How names are written, where only the command line says so; the target's own names stay as they are
    fn said_beside(&self, old: Option<&Choices>, context: &Context) -> Option<&'static str> {
        let stated = &context.settings.choices;
        let written = old.map(|old| old.defaults.identifiers).unwrap_or_default();
        let is_new = stated.defaults.identifiers != written && stated.schema != Some(Mode::Existing);
        is_new.then_some(match stated.defaults.identifiers {
            Identifiers::Keep => "keep",
            Identifiers::Lower => "lower",
        })
    }

    fn replace(&self, text: &str) -> std::io::Result<()> {
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = self.out.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
        let written = File::create_new(&beside).and_then(|mut file| {
            // The old file may hold a password, and then others must not read the new one either.
            if let Some(base) = &self.base {
                file.set_permissions(fs::metadata(base)?.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.out)
        });
        if written.is_err() {
            // What failed is told; that the rest of it could not be removed would say nothing more.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

fn title(source: &Path, proven: &Proven) -> String {
    let plan = &proven.plan;
    let all = || plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    let rows = all().map(|table| table.row_count).sum();
    format!(
        "crossfade plan of {}: {}, {} rows; {}, {}",
        source.file_name().unwrap_or_default().to_string_lossy(),
        counted(all().count() as u64, "table"),
        grouped(rows),
        counted(plan.refusals.len() as u64, "refusal"),
        counted(plan.warnings.len() as u64, "warning"),
    )
}

#[cfg(test)]
#[path = "plan_file_tests.rs"]
mod tests;
