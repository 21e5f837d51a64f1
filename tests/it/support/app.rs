//! The applications of tests/apps: migrations, writers and readers of their own, each a Python process

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::python::{PythonWriter, required};

/// One of the projects, with the interpreter that has its packages
pub struct App {
    python: PathBuf,
    entry: PathBuf,
}

impl App {
    /// The project whose command line is `entry`; `None`, and a line that says so, where its packages are missing
    pub fn find(entry: &str, test: &str) -> Option<App> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (apps, venv) = (root.join("tests/apps"), root.join("target/venv-applications"));
        // The mark of a finished installation is a copy of what was to be installed.
        let same = |a: &Path, b: &Path| std::fs::read(a).ok().is_some_and(|a| std::fs::read(b).ok() == Some(a));
        let there = same(&venv.join("installed.txt"), &apps.join("requirements.txt"));
        assert!(there || !required(), "CI needs target/venv-applications for {test}: scripts/setup.sh test");
        if !there {
            eprintln!("skipped: {test} (no target/venv-applications here: scripts/setup.sh test)");
            return None;
        }
        Some(App { python: venv.join("bin/python"), entry: apps.join(entry) })
    }

    /// Brings an empty database to the application's newest schema
    pub fn migrate(&self, url: &str) {
        self.run(url, &["migrate"]);
    }

    /// Objects of every kind
    pub fn fill(&self, url: &str, seed: u64) {
        self.run(url, &["fill", &seed.to_string()]);
    }

    /// A process that writes through the ORM until told to stop
    pub fn write(&self, url: &str, seed: u64) -> PythonWriter {
        PythonWriter::spawn(self.command(url, &["write", &seed.to_string()]))
    }

    /// Every object as the ORM reads it
    pub fn dump(&self, url: &str) -> Dump {
        serde_json::from_str(&self.run(url, &["dump"])).expect("objects by model and field")
    }

    /// The answers to what the application asks its database
    pub fn ask(&self, url: &str) -> BTreeMap<String, Value> {
        serde_json::from_str(&self.run(url, &["ask"])).expect("answers by question")
    }

    fn command(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.entry).args(arguments).env("DATABASE_URL", url).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env_remove("DJANGO_SETTINGS_MODULE").env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command
    }

    fn run(&self, url: &str, arguments: &[&str]) -> String {
        let output = self.command(url, arguments).stdin(Stdio::null()).output().expect("Python starts");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?} on {url}: {words}", self.entry.display());
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// How the applications name a SQLite file
pub fn sqlite_url(path: &Path) -> String {
    format!("sqlite:///{}", path.display())
}

/// Objects by model, in the order of their keys; each by field
pub type Dump = BTreeMap<String, Vec<BTreeMap<String, Value>>>;

/// Fields that differ, by `model.field`, each with its first difference; models with other objects alone as `model`
pub fn differences(here: &Dump, there: &Dump) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>(), "models");
    for (model, objects) in here {
        let others = &there[model];
        if objects.len() != others.len() {
            found.insert(model.clone(), format!("{} objects and {}", objects.len(), others.len()));
        }
        for (object, other) in objects.iter().zip(others) {
            for (field, value) in object.iter().filter(|(field, value)| other.get(*field) != Some(value)) {
                let other = other.get(field).unwrap_or(&Value::Null);
                found.entry(format!("{model}.{field}")).or_insert_with(|| format!("{value} and {other}"));
            }
        }
    }
    found
}
