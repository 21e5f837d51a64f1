//! Names that somebody may have meant

/// A remedy for a name that there is not: one much like it, or else `otherwise`
pub(super) fn did_you_mean(name: &str, names: &[&str], otherwise: &str) -> String {
    let lower = name.to_lowercase();
    let near = names.iter().map(|other| (distance(&lower, &other.to_lowercase()), other)).min();
    match near {
        Some((distance, other)) if distance <= (name.chars().count() / 3).max(1) => {
            format!("write {other:?}, if that is meant, or {otherwise}")
        }
        _ => otherwise.to_owned(),
    }
}

/// Characters to insert, remove or replace on the way from one to the other
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, c) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (at, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *other);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_understood() {
        let of = |name| did_you_mean(name, &["users", "orders", "Kunden"], "remove it");
        for (name, meant) in [("user", "users"), ("oders", "orders"), ("USERS", "users"), ("kunden", "Kunden")] {
            assert_eq!(of(name), format!("write {meant:?}, if that is meant, or remove it"), "{name}");
        }
        assert_eq!([of("invoices"), of(""), did_you_mean("a", &[], "x")], ["remove it", "remove it", "x"]);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("a", "a")), (3, 3, 0));
    }
}
