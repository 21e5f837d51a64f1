//! Every mapping with every form, for the tests of the conversions

use crossfade::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, Element, EpochUnit, Fraction, IntervalForm, JsonForm, Layout, StampForm,
    TimeForm, TimeLayout, UuidForm, Zone, ZoneStyle,
};
use crossfade::model::convert::recognise::vector_forms;
use crossfade::model::mapping::Mapping;

pub const STAMP: StampForm =
    StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };

const ISO_T: StampForm =
    StampForm { layout: Layout::IsoT, fraction: Fraction::OmitZero(6), zone: Zone::Colon(0), assumed: 0 };

pub const ELEMENTS: [Element; 20] = [
    Element::Smallint,
    Element::Float4,
    Element::Numeric { precision: 0, scale: 0, quoted: false },
    Element::Numeric { precision: 0, scale: 0, quoted: true },
    Element::Numeric { precision: 10, scale: 2, quoted: false },
    Element::Numeric { precision: 4, scale: -2, quoted: true },
    Element::Padded,
    Element::Date,
    Element::Timestamp { zoned: false, form: STAMP },
    Element::Timestamp { zoned: false, form: StampForm { zone: Zone::Z, ..ISO_T } },
    Element::Timestamp { zoned: true, form: ISO_T },
    Element::Timestamp { zoned: true, form: StampForm { fraction: Fraction::Fixed(3), zone: Zone::Z, ..ISO_T } },
    Element::Timestamp { zoned: true, form: StampForm { zone: Zone::None, assumed: -150, ..ISO_T } },
    Element::Integer,
    Element::Bigint,
    Element::Text,
    Element::Varchar,
    Element::Boolean,
    Element::Double,
    Element::Uuid,
];

const FRACTIONS: [Fraction; 6] = [
    Fraction::None,
    Fraction::Fixed(1),
    Fraction::Fixed(3),
    Fraction::Fixed(6),
    Fraction::OmitZero(3),
    Fraction::OmitZero(6),
];

const ZONES: [Zone; 8] = [
    Zone::None,
    Zone::Z,
    Zone::Colon(0),
    Zone::Colon(-330),
    Zone::Digits(120),
    Zone::Digits(-30),
    Zone::Hours(0),
    Zone::Hours(-480),
];

/// All mappings but those that only repeat another one's code
pub fn all() -> Vec<Mapping> {
    let mut all = vec![
        Mapping::Bigint,
        Mapping::Double,
        Mapping::Numeric,
        Mapping::Text,
        Mapping::Bytea,
        Mapping::Variant,
        Mapping::Smallint,
        Mapping::Integer,
        Mapping::Float4,
        Mapping::DoubleInteger,
        Mapping::Padded,
        Mapping::Interval(IntervalForm::Microseconds),
        Mapping::Inet { cidr: false },
        Mapping::Inet { cidr: true },
        Mapping::Date(DateForm::Iso),
        Mapping::Date(DateForm::Compact),
    ];
    all.extend(BoolForm::ALL.map(Mapping::Boolean));
    all.extend(UuidForm::ALL.map(Mapping::Uuid));
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    all.extend(flags.map(|(binary, numbers)| Mapping::Json { binary, numbers }));
    for (precision, scale) in [(0, 0), (10, 2), (4, 4), (20, 0), (3, 5), (5, -3)] {
        let classes = [DecimalClass::Integer, DecimalClass::Real, DecimalClass::ByValue, DecimalClass::Text];
        all.extend(classes.map(|class| Mapping::Decimal { precision, scale, class }));
    }
    all.extend(times());
    for zone in ZoneStyle::ALL {
        let times = FRACTIONS.map(|fraction| (TimeLayout::Seconds, fraction));
        let times = times.into_iter().chain([(TimeLayout::Minutes, Fraction::None)]);
        all.extend(times.map(|(layout, fraction)| Mapping::ZonedTime { form: TimeForm { layout, fraction }, zone }));
    }
    all.extend(stamps());
    let spelled = times().chain(stamps()).filter_map(Mapping::in_any_spelling);
    all.extend(spelled.collect::<Vec<_>>());
    let units = [EpochUnit::S, EpochUnit::Ms, EpochUnit::Us, EpochUnit::SecondsReal];
    all.extend(units.map(|unit| Mapping::Epoch { zoned: true, unit }));
    all.extend(lists());
    all
}

fn times() -> impl Iterator<Item = Mapping> {
    let layouts = [TimeLayout::Seconds, TimeLayout::Minutes, TimeLayout::Dated];
    let pairs = layouts.into_iter().flat_map(|layout| FRACTIONS.map(|fraction| (layout, fraction)));
    pairs.map(|(layout, fraction)| Mapping::Time(TimeForm { layout, fraction }))
}

fn stamps() -> Vec<Mapping> {
    let mut stamps = Vec::new();
    for layout in [Layout::IsoSpace, Layout::IsoT, Layout::MinutesSpace, Layout::MinutesT, Layout::Compact] {
        for fraction in FRACTIONS {
            for zone in ZONES {
                let form = StampForm { layout, fraction, zone, assumed: 0 };
                stamps.push(Mapping::Timestamp { zoned: zone != Zone::None, form });
            }
            let form = StampForm { layout, fraction, ..STAMP };
            stamps.push(Mapping::Timestamp { zoned: true, form: StampForm { assumed: -150, ..form } });
            stamps.push(Mapping::Interval(IntervalForm::Epoch(form)));
        }
    }
    stamps
}

fn lists() -> Vec<Mapping> {
    let forms = [(false, false), (false, true), (true, false), (true, true)];
    let forms = forms.map(|(spaced, ascii)| JsonForm { spaced, ascii });
    let arrays = ELEMENTS.into_iter().flat_map(|element| forms.map(|form| Mapping::Array { element, form }));
    let vectors = vector_forms().map(|form| Mapping::Vector { dimensions: 2, form });
    let blobs = crossfade::model::convert::forms::VectorForm::BlobLe;
    let blobs = [2, 0].map(|dimensions| Mapping::Vector { dimensions, form: blobs });
    let any = vector_forms().map(|form| Mapping::Vector { dimensions: 0, form });
    arrays.chain(vectors).chain(any).chain(blobs).collect()
}
