//! The types beyond SQLite's own: declared intent, proven by every value
//!
//! A boolean, a date or a UUID is chosen only where the declaration asks for one and all values are written in one form
//! (I10); moments and times may be spelled in several ways. Where some values are anything else, the plain type holds them,
//! and the operator is told which and how many.

use super::spellings;
use crate::model::choices::{Defaults, JsonType};
use crate::model::convert::forms::{BoolForm, UuidForm, Zone};
use crate::model::convert::forms::{
    DateForm, DecimalClass, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout,
};
use crate::model::convert::recognise::Fractions;
use crate::model::mapping::Mapping;
use crate::model::plan::Check;
use crate::model::planfile::types::{Kind, TypeName};
use crate::model::profile::form::TextForm;
use crate::model::profile::intent::Intent;
use crate::model::profile::{ColumnProfile, Tally};
use crate::model::schema::{Affinity, Column};
use crate::model::words::{counted, grouped};

/// What the values say about the declared intent
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Finding {
    /// The type asked for, if it holds them all
    pub mapping: Option<Mapping>,
    pub doubt: Option<Doubt>,
}

/// Values that do not do what the declaration says
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doubt {
    pub count: u64,
    /// What they are, as a predicate
    pub what: String,
    pub keys: Vec<String>,
    /// The type that they stand in the way of
    pub wanted: &'static str,
}

/// Where a column is compared with others, so that not every type serves
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uses {
    /// In a key or a UNIQUE index
    pub unique: bool,
    /// In any index
    pub indexed: bool,
    /// Neither unique nor in a foreign key, so that texts which mean the same moment may be one value
    pub any_spelling: bool,
    /// What documents become
    pub json: JsonType,
}

/// Storage classes of the values, if they are of one class
#[derive(Clone, Copy, PartialEq)]
enum Held {
    Integers,
    Reals,
    Texts,
    Blobs,
    Mixed,
}

/// For a column that holds values, all of them text that PostgreSQL takes or no text at all
pub(super) fn find(intent: Intent, column: &Column, profile: &ColumnProfile, uses: Uses) -> Finding {
    let held = held(profile);
    match intent {
        Intent::Plain => Finding::default(),
        Intent::Json => json(column, profile, uses),
        Intent::UuidWidth if held == Held::Texts => Finding::of(uuid_of_generator(profile)),
        Intent::UuidBytes if held == Held::Blobs => Finding::of(uuid_blobs(profile)),
        Intent::UuidWidth | Intent::UuidBytes => Finding::default(),
        Intent::Decimal { precision, scale } => decimal(held, profile, precision, scale),
        Intent::Boolean => boolean(held, profile),
        Intent::Date => date(held, profile, uses),
        Intent::Moment => moment(held, profile, uses, "timestamp"),
        Intent::Time => time(held, profile, uses),
        Intent::Uuid => uuid(held, profile),
    }
}

impl Finding {
    fn of(mapping: Option<Mapping>) -> Finding {
        Finding { mapping, doubt: None }
    }

    /// The mapping, or the doubt where there is none
    fn or(mapping: Option<Mapping>, doubt: impl FnOnce() -> Doubt) -> Finding {
        let doubt = if mapping.is_some() { None } else { Some(doubt()) };
        Finding { mapping, doubt }
    }
}

fn held(profile: &ColumnProfile) -> Held {
    match [profile.integers, profile.reals, profile.texts, profile.blobs].map(|count| count > 0) {
        [true, false, false, false] => Held::Integers,
        [false, true, false, false] => Held::Reals,
        [false, false, true, false] => Held::Texts,
        [false, false, false, true] => Held::Blobs,
        _ => Held::Mixed,
    }
}

fn boolean(held: Held, profile: &ColumnProfile) -> Finding {
    match held {
        Held::Integers => {
            Finding::or((profile.no_booleans.count == 0).then_some(Mapping::Boolean(BoolForm::ZeroOne)), || {
                of_tally(&profile.no_booleans, "are integers other than 0 and 1", "boolean")
            })
        }
        Held::Texts => Finding::or(boolean_form(profile).map(Mapping::Boolean), || forms(profile, "boolean")),
        _ => Finding::or(None, || strangers(held, profile, "boolean")),
    }
}

fn boolean_form(profile: &ColumnProfile) -> Option<BoolForm> {
    one(profile, |form| match form {
        TextForm::Boolean(form) => Some(form),
        _ => None,
    })
}

fn date(held: Held, profile: &ColumnProfile, uses: Uses) -> Finding {
    let day = one(profile, |form| match form {
        TextForm::Date(form) => Some(form),
        _ => None,
    });
    match day {
        Some(form) if held == Held::Texts => Finding::of(Some(Mapping::Date(form))),
        _ => moment(held, profile, uses, "date"),
    }
}

fn moment(held: Held, profile: &ColumnProfile, uses: Uses, wanted: &'static str) -> Finding {
    match held {
        Held::Integers => {
            let mapping = epoch(profile).map(|unit| Mapping::Epoch { zoned: true, unit });
            Finding::or(mapping, || epochs(profile, wanted))
        }
        Held::Texts => {
            let exact = stamp(profile).map(|form| Mapping::Timestamp { zoned: form.zone != Zone::None, form });
            let mapping = exact.or_else(|| spellings::moment(profile, uses));
            Finding::or(mapping, || {
                spellings::doubt(profile, uses, wanted, false).unwrap_or_else(|| forms(profile, wanted))
            })
        }
        _ => Finding::or(None, || strangers(held, profile, wanted)),
    }
}

/// The one unit in which all integers are moments
fn epoch(profile: &ColumnProfile) -> Option<EpochUnit> {
    let epochs = &profile.epochs;
    let counts = [&epochs.seconds, &epochs.milliseconds, &epochs.microseconds].map(|tally| tally.count);
    let units = [EpochUnit::S, EpochUnit::Ms, EpochUnit::Us];
    counts.iter().position(|count| *count == profile.integers).map(|at| units[at])
}

fn stamp(profile: &ColumnProfile) -> Option<StampForm> {
    let (layout, zone) = one(profile, |form| match form {
        TextForm::Stamp(layout, _, zone) => Some((layout, zone)),
        _ => None,
    })?;
    Some(StampForm { layout, fraction: fraction(profile)?, zone, assumed: 0 })
}

fn time(held: Held, profile: &ColumnProfile, uses: Uses) -> Finding {
    let form = one(profile, |form| match form {
        TextForm::Time(layout, _) => Some(layout),
        _ => None,
    });
    let form = form.and_then(|layout| Some(TimeForm { layout, fraction: fraction(profile)? }));
    match held {
        Held::Texts => Finding::or(form.map(Mapping::Time).or_else(|| spellings::time(profile, uses)), || {
            spellings::doubt(profile, uses, "time", true).unwrap_or_else(|| forms(profile, "time"))
        }),
        _ => Finding::or(None, || strangers(held, profile, "time")),
    }
}

/// The one way in which all of a column's moments or times have digits behind the seconds
fn fraction(profile: &ColumnProfile) -> Option<Fraction> {
    let digits = profile.forms.iter().filter_map(|(form, _)| match form {
        TextForm::Stamp(_, digits, _) | TextForm::Time(_, digits) => Some(*digits),
        _ => None,
    });
    let mut all = Fractions::default();
    digits.for_each(|digits| all.add(digits));
    all.form()
}

fn decimal(held: Held, profile: &ColumnProfile, precision: u16, scale: i16) -> Finding {
    if profile.texts + profile.blobs > 0 {
        return Finding::or(None, || strangers(held, profile, "numeric(p,s)"));
    }
    let mapping = Mapping::Decimal { precision, scale, class: DecimalClass::ByValue };
    Finding::or((profile.beyond.count == 0).then_some(mapping), || {
        let (whole, behind) = (profile.whole_max, profile.scale_max);
        let what = format!(
            "are not held by numeric({precision},{scale}) (digits: up to {whole} before the point, {behind} behind)"
        );
        of_tally(&profile.beyond, &what, "numeric(p,s)")
    })
}

fn uuid(held: Held, profile: &ColumnProfile) -> Finding {
    match held {
        Held::Texts => Finding::or(uuid_form(profile).map(Mapping::Uuid), || forms(profile, "uuid")),
        Held::Blobs => Finding::or(uuid_blobs(profile), || {
            of_tally(&profile.other_blobs, "are blobs of other than 16 bytes", "uuid")
        }),
        _ => Finding::or(None, || strangers(held, profile, "uuid")),
    }
}

fn uuid_blobs(profile: &ColumnProfile) -> Option<Mapping> {
    (profile.other_blobs.count == 0).then_some(Mapping::Uuid(UuidForm::Bytes))
}

/// A UUID of digits only fits to either case
fn uuid_form(profile: &ColumnProfile) -> Option<UuidForm> {
    let lower = |form| match form {
        UuidForm::HyphensUpper => UuidForm::Hyphens,
        UuidForm::HexUpper => UuidForm::Hex,
        UuidForm::BracesUpper => UuidForm::Braces,
        other => other,
    };
    let shape = one(profile, |form| match form {
        TextForm::Uuid { form, .. } => Some(lower(form)),
        _ => None,
    })?;
    let cased = profile.forms.iter().filter_map(|(form, _)| match form {
        TextForm::Uuid { form, caseless: false, .. } => Some(*form),
        _ => None,
    });
    let cased: Vec<UuidForm> = cased.collect();
    match cased.split_first() {
        None => Some(shape),
        Some((first, others)) => others.iter().all(|other| other == first).then_some(*first),
    }
}

fn uuid_of_generator(profile: &ColumnProfile) -> Option<Mapping> {
    let versioned = |form: &TextForm| matches!(form, TextForm::Uuid { versioned: true, .. });
    let form = uuid_form(profile).filter(|_| profile.forms.iter().all(|(form, _)| versioned(form)));
    form.map(Mapping::Uuid)
}

fn json(column: &Column, profile: &ColumnProfile, uses: Uses) -> Finding {
    let numbers = column.affinity == Affinity::Numeric;
    let (spelled, no_documents) = (&profile.spelled_documents, &profile.no_documents);
    if no_documents.count > 0 {
        return Finding::or(None, || of_tally(no_documents, "are not JSON", "jsonb"));
    }
    // SQLite compares documents as texts: two spellings of one document are two keys there.
    if uses.unique {
        return Finding::default();
    }
    // `json` cannot be compared at all, so no index takes it.
    let whole = (!uses.indexed).then_some(Mapping::Json { binary: false, numbers });
    match uses.json {
        JsonType::Text => return Finding::default(),
        JsonType::Json => return Finding::of(whole),
        JsonType::Jsonb if spelled.count == 0 => return Finding::of(Some(Mapping::Json { binary: true, numbers })),
        JsonType::Jsonb => {}
    }
    let doubt = of_tally(spelled, r"are documents that jsonb does not give back (\u0000, a key twice, ...)", "jsonb");
    Finding { mapping: whole, doubt: Some(doubt) }
}

/// What all texts' forms have in common; `None` if any text has another form or none
fn one<T: PartialEq>(profile: &ColumnProfile, part: impl Fn(TextForm) -> Option<T>) -> Option<T> {
    let mut parts = profile.forms.iter().map(|(form, _)| part(*form));
    let first = parts.next()??;
    let alike = parts.all(|part| part.as_ref() == Some(&first));
    (alike && profile.formless.count == 0).then_some(first)
}

fn of_tally(tally: &Tally, what: &str, wanted: &'static str) -> Doubt {
    Doubt { count: tally.count, what: what.to_owned(), keys: tally.keys.clone(), wanted }
}

/// The texts in other forms than most
fn forms(profile: &ColumnProfile, wanted: &'static str) -> Doubt {
    let mut tallies: Vec<(String, &Tally)> = profile.forms.iter().map(|(form, t)| (form.to_string(), t)).collect();
    if profile.formless.count > 0 {
        tallies.push(("of no known form".to_owned(), &profile.formless));
    }
    tallies.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.count));
    let words: Vec<String> = tallies.iter().map(|(form, t)| format!("{} {form}", grouped(t.count))).collect();
    let others = if tallies.len() > 1 { &tallies[1..] } else { &tallies[..] };
    let keys = others.iter().flat_map(|(_, tally)| tally.keys.iter().cloned()).take(3).collect();
    let count = others.iter().map(|(_, tally)| tally.count).sum();
    let what = match tallies.len() {
        1 if profile.forms.is_empty() => format!("are texts {}", tallies[0].0),
        1 => format!("are texts like {}", tallies[0].0),
        _ => format!("are texts in another form than most ({})", words.join(", ")),
    };
    Doubt { count, what, keys, wanted }
}

/// The integers that are no moments in the unit of most
fn epochs(profile: &ColumnProfile, wanted: &'static str) -> Doubt {
    let epochs = &profile.epochs;
    let mut tallies = [&epochs.seconds, &epochs.milliseconds, &epochs.microseconds];
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.count));
    let most = usize::from(tallies[0].count > 0);
    let others: Vec<&Tally> = tallies[most..].iter().copied().chain([&epochs.none]).collect();
    let keys = others.iter().flat_map(|tally| tally.keys.iter().cloned()).take(3).collect();
    let count = others.iter().map(|tally| tally.count).sum();
    Doubt { count, what: "are integers that count no one unit since 1970".to_owned(), keys, wanted }
}

/// Values of classes that the type is never written in
fn strangers(held: Held, profile: &ColumnProfile, wanted: &'static str) -> Doubt {
    let classes = [
        (profile.integers, "integer", Held::Integers),
        (profile.reals, "real", Held::Reals),
        (profile.texts, "text", Held::Texts),
        (profile.blobs, "blob", Held::Blobs),
    ];
    let at = match held {
        Held::Mixed => (0..4).filter(|at| classes[*at].0 > 0).min_by_key(|at| classes[*at].0).unwrap_or(0),
        held => classes.iter().position(|(_, _, class)| *class == held).unwrap_or(0),
    };
    let reading = if wanted == "date" || wanted == "timestamp" { " (Julian days, or seconds since 1970)" } else { "" };
    let reading = if classes[at].1 == "real" { reading } else { "" };
    let what = format!("are {}s{reading}", classes[at].1);
    Doubt { count: classes[at].0, what, keys: profile.keys[at].clone(), wanted }
}

/// What an empty column will hold for certain: its DEFAULT says in which form
pub(super) fn of_default(intent: Intent, column: &Column) -> Option<Mapping> {
    let default = plain_spelling(column.default.as_deref()?);
    let stamp = |layout, fraction, zone| {
        let form = StampForm { layout, fraction, zone, assumed: 0 };
        Some(Mapping::Timestamp { zoned: zone != Zone::None, form })
    };
    match (intent, default.as_str()) {
        (Intent::Moment, "current_timestamp" | "datetime('now')" | "strftime('%Y-%m-%d %H:%M:%S','now')") => {
            stamp(Layout::IsoSpace, Fraction::None, Zone::None)
        }
        (Intent::Moment, "strftime('%Y-%m-%d %H:%M:%f','now')") => {
            stamp(Layout::IsoSpace, Fraction::Fixed(3), Zone::None)
        }
        (Intent::Moment, "strftime('%Y-%m-%dT%H:%M:%SZ','now')") => stamp(Layout::IsoT, Fraction::None, Zone::Z),
        (Intent::Moment, "strftime('%Y-%m-%dT%H:%M:%fZ','now')") => stamp(Layout::IsoT, Fraction::Fixed(3), Zone::Z),
        (Intent::Date, "current_date" | "date('now')") => Some(Mapping::Date(DateForm::Iso)),
        (Intent::Time, "current_time" | "time('now')") => {
            Some(Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::None }))
        }
        _ => None,
    }
}

/// Without blanks and in lower case outside of strings, and without the parentheses around it
fn plain_spelling(sql: &str) -> String {
    let mut quoted = false;
    let spelled = sql.chars().filter_map(|c| {
        quoted ^= c == '\'';
        let kept = quoted || !c.is_whitespace();
        kept.then_some(if quoted { c } else { c.to_ascii_lowercase() })
    });
    let spelled = spelled.collect::<String>().replace("'NOW'", "'now'");
    let inner = spelled.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    inner.map(str::to_owned).unwrap_or(spelled)
}

/// What an empty column holds by its declaration alone
pub(super) fn of_declaration(intent: Intent, column: &Column, uses: Uses) -> Option<Mapping> {
    match intent {
        Intent::Boolean => Some(Mapping::Boolean(BoolForm::ZeroOne)),
        Intent::Json if !uses.unique => {
            let numbers = column.affinity == Affinity::Numeric;
            match uses.json {
                JsonType::Jsonb => Some(Mapping::Json { binary: true, numbers }),
                JsonType::Json => (!uses.indexed).then_some(Mapping::Json { binary: false, numbers }),
                JsonType::Text => None,
            }
        }
        Intent::Decimal { precision, scale } => {
            Some(Mapping::Decimal { precision, scale, class: DecimalClass::ByValue })
        }
        _ => None,
    }
}

/// The length that a text column declares, where the operator wants such lengths kept
pub(super) struct Limit {
    pub type_sql: String,
    pub check: Check,
    /// Some texts are longer
    pub doubt: Option<Doubt>,
}

/// The limit of a declared `varchar(n)`
pub(super) fn limit(column: &Column, profile: &ColumnProfile, mapping: Mapping, defaults: &Defaults) -> Option<Limit> {
    let TypeName { sql, check, .. } = declared_limit(column, defaults).filter(|_| mapping == Mapping::Text)?;
    let Check::Chars(most) = check else { return None };
    let doubt = (profile.chars_max > u64::from(most)).then(|| {
        of_tally(&profile.too_long, &format!("are longer (up to {} characters)", grouped(profile.chars_max)), "varchar")
    });
    Some(Limit { type_sql: sql, check, doubt })
}

/// `varchar(n)` by declaration, under any of its names
pub(super) fn declared_limit(column: &Column, defaults: &Defaults) -> Option<TypeName> {
    if !defaults.varchar {
        return None;
    }
    let declared = column.declared_type.to_ascii_lowercase();
    let declared = declared.strip_prefix("nvarchar").map_or(declared.clone(), |rest| format!("varchar{rest}"));
    TypeName::parse(&declared).filter(|name| name.kind == Kind::Text && name.check != Check::None)
}

impl Doubt {
    /// What is told to the operator: the declared type, how many values, which rows, and what the column becomes
    pub fn message(&self, declared: &str, profile: &ColumnProfile, mapping: Mapping) -> String {
        let examples = if self.keys.is_empty() { String::new() } else { format!(", e.g. {}", self.keys.join("; ")) };
        let declared = if declared.is_empty() { "checked by json_valid" } else { &format!("declared {declared}") };
        format!(
            "{declared}, but {} of {} {}{examples}: it becomes {}",
            grouped(self.count),
            counted(profile.values(), "value"),
            self.what,
            mapping.type_sql()
        )
    }

    pub fn remedy(&self, mapping: Mapping) -> String {
        format!(
            "make them alike in SQLite and plan again, if {} is wanted; {} holds them all",
            self.wanted,
            mapping.type_sql()
        )
    }
}
