//! Every form has its words, and every word leads back

use proptest::prelude::*;

use super::*;
use crate::model::convert::forms::Element;

fn kind(mapping: Mapping) -> Kind {
    match mapping {
        Mapping::Boolean(_) => Kind::Boolean,
        Mapping::Date(_) => Kind::Date,
        Mapping::Time(_) | Mapping::TimeOfDay(_) => Kind::Time,
        Mapping::Timestamp { zoned, .. } | Mapping::Moment { zoned, .. } | Mapping::Epoch { zoned, .. } => {
            Kind::Timestamp { zoned }
        }
        Mapping::Interval(_) => Kind::Interval,
        Mapping::Uuid(_) => Kind::Uuid,
        Mapping::Decimal { precision: 0, .. } | Mapping::Numeric => Kind::Numeric,
        Mapping::Decimal { precision, scale, .. } => Kind::Decimal { precision, scale },
        Mapping::Double | Mapping::DoubleInteger => Kind::Double,
        Mapping::Json { binary: false, .. } => Kind::Json,
        Mapping::Json { binary: true, .. } | Mapping::Variant => Kind::Jsonb,
        Mapping::Array { element, .. } => Kind::Array(element),
        Mapping::Vector { dimensions, .. } => Kind::Vector(dimensions),
        other => panic!("{other:?} has but one form"),
    }
}

fn leads_back(mapping: Mapping) -> Result<(), TestCaseError> {
    let words = words(mapping).unwrap_or_default();
    prop_assert_eq!(read(kind(mapping), &words, false), Some(mapping), "{}", words);
    Ok(())
}

fn zones() -> impl Strategy<Value = Zone> {
    prop_oneof![
        Just(Zone::None),
        Just(Zone::Z),
        (-MAX_ZONE..=MAX_ZONE).prop_map(Zone::Colon),
        (-MAX_ZONE..=MAX_ZONE).prop_map(Zone::Digits),
        (-15..=15i16).prop_map(|hours| Zone::Hours(hours * 60)),
    ]
}

fn stamp_forms() -> impl Strategy<Value = StampForm> {
    let all: Vec<Fraction> = fractions().collect();
    (prop::sample::select(LAYOUTS.to_vec()), prop::sample::select(all), zones()).prop_map(|(layout, fraction, zone)| {
        let minutes = matches!(layout, Layout::MinutesSpace | Layout::MinutesT);
        StampForm { layout, fraction: if minutes { Fraction::None } else { fraction }, zone, assumed: 0 }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn moments_lead_back(form in stamp_forms()) {
        leads_back(Mapping::Timestamp { zoned: true, form })?;
        Mapping::Timestamp { zoned: true, form }.in_any_spelling().map_or(Ok(()), leads_back)?;
        let form = StampForm { zone: Zone::None, ..form };
        leads_back(Mapping::Timestamp { zoned: false, form })?;
        leads_back(Mapping::Interval(IntervalForm::Epoch(form)))?;
    }

    #[test]
    fn no_words_make_it_fall(words in "[%YmdHMSTZ:.0-9?+ -]{0,24}") {
        for kind in [Kind::Timestamp { zoned: true }, Kind::Time, Kind::Date, Kind::Interval] {
            if let Some(mapping) = read(kind, &words, false) {
                prop_assert_eq!(super::words(mapping), Some(words.clone()));
            }
        }
    }
}

#[test]
fn every_other_form_leads_back() {
    let mut all: Vec<Mapping> = BoolForm::ALL.map(Mapping::Boolean).to_vec();
    all.extend(DATES.map(Mapping::Date));
    all.extend(UuidForm::ALL.map(Mapping::Uuid));
    all.extend(EPOCHS.map(|unit| Mapping::Epoch { zoned: true, unit }));
    all.extend(EPOCHS.map(|unit| Mapping::Epoch { zoned: false, unit }));
    all.extend(decimals(10, 2));
    all.extend(decimals(0, 0));
    all.extend([Mapping::Numeric, Mapping::Double, Mapping::DoubleInteger, Mapping::Variant]);
    all.extend([true, false].map(|binary| Mapping::Json { binary, numbers: false }));
    all.push(Mapping::Interval(IntervalForm::Microseconds));
    all.extend(arrays().map(|form| Mapping::Array { element: Element::Text, form }));
    all.extend(vectors().map(|form| Mapping::Vector { dimensions: 3, form }));
    for layout in TIMES {
        let fits = |fraction: &Fraction| layout != TimeLayout::Minutes || *fraction == Fraction::None;
        all.extend(fractions().filter(fits).map(|fraction| Mapping::Time(TimeForm { layout, fraction })));
        all.extend(fractions().filter(fits).map(|fraction| Mapping::TimeOfDay(TimeForm { layout, fraction })));
    }
    all.into_iter().for_each(|mapping| leads_back(mapping).unwrap_or_else(|e| panic!("{e}")));
}

#[test]
fn other_words_are_no_forms() {
    let stamp = Kind::Timestamp { zoned: true };
    for (kind, words) in [
        (stamp, ""),
        (stamp, "%Y-%m-%d"),
        (stamp, "%Y-%m-%d %H:%M:%S.7"),
        (stamp, "%Y-%m-%d %H:%M:%S.0"),
        (stamp, "%Y-%m-%d %H:%M:%S."),
        (stamp, "%Y-%m-%d %H:%M:%S-00:00"),
        (stamp, "%Y-%m-%d %H:%M:%S+16:00"),
        (stamp, "%Y-%m-%d %H:%M:%S+02:60"),
        (stamp, "%Y-%m-%d %H:%M:%S Europe/Berlin"),
        (stamp, "%Y-%m-%d %H:%M.3"),
        (stamp, "%Y-%m-%d %H:%M:%S+0é0"),
        (stamp, "minutes since 1970"),
        (Kind::Timestamp { zoned: false }, "%Y-%m-%d %H:%M:%SZ"),
        (Kind::Timestamp { zoned: false }, "any spelling, else %Y-%m-%d %H:%M:%SZ"),
        (stamp, "any spelling, else "),
        (stamp, "any spelling"),
        (stamp, "any spelling, else %Y%m%d%H%M%S"),
        (stamp, "any spelling, else seconds since 1970"),
        (Kind::Interval, "any spelling, else %Y-%m-%d %H:%M:%S"),
        (Kind::Time, "%H:%M.3"),
        (Kind::Date, "%d.%m.%Y"),
        (Kind::Boolean, "1 or 0"),
        (Kind::Uuid, "uuids"),
        (Kind::Bigint, "integers"),
        (Kind::Text, "texts"),
    ] {
        assert_eq!(read(kind, words, false), None, "{words}");
    }
}

/// What is told as a form that is known has to be one
#[test]
fn the_forms_that_are_offered_are_read() {
    for kind in [
        Kind::Boolean,
        Kind::Date,
        Kind::Uuid,
        Kind::Time,
        Kind::Timestamp { zoned: false },
        Kind::Jsonb,
        Kind::Json,
        Kind::Numeric,
        Kind::Decimal { precision: 9, scale: 2 },
        Kind::Double,
        Kind::Interval,
        Kind::Array(Element::Bigint),
        Kind::Vector(3),
    ] {
        let offered = known(kind);
        let list = offered.strip_prefix("forms are: ").and_then(|list| list.split("; digits").next());
        for words in list.into_iter().flat_map(|list| list.split(" | ")) {
            assert!(read(kind, words, false).is_some(), "{kind:?}: {words}");
        }
    }
    assert!(known(Kind::Text).contains("but one form"));
}
