//! Accounts whose balances always add up: the cross-row invariant that every target commit must satisfy

use super::Transaction;
use crate::support::rng::Rng;

/// Sum of all balances, in every committed state
pub const TOTAL: i64 = 20_000;
const ACCOUNTS: usize = 20;

/// The table and its first rows; in some seeds keyed by text, and without a rowid
pub fn ddl(rng: &mut Rng) -> String {
    let tail = if rng.chance(30) { " WITHOUT ROWID" } else { "" };
    let mut script = format!(
        "CREATE TABLE accounts(id INTEGER NOT NULL PRIMARY KEY, owner TEXT UNIQUE, balance INTEGER NOT NULL){tail};\n"
    );
    for id in 1..=ACCOUNTS {
        let balance = TOTAL / ACCOUNTS as i64;
        script.push_str(&format!("INSERT INTO accounts VALUES({id}, 'owner {id}', {balance});\n"));
    }
    script
}

/// One transaction; it takes effect as a whole or not at all, and keeps the sum
pub fn transaction(rng: &mut Rng) -> Transaction {
    let mut statements = vec!["BEGIN IMMEDIATE".to_owned()];
    for _ in 0..1 + rng.below(3) {
        operation(rng, &mut statements);
    }
    let end = if rng.chance(10) {
        statements.push("UPDATE accounts SET balance = balance + 1000".to_owned());
        "ROLLBACK"
    } else {
        "COMMIT"
    };
    statements.push(end.to_owned());
    Transaction { statements, all_or_nothing: true }
}

fn operation(rng: &mut Rng, list: &mut Vec<String>) {
    let (a, b) = (account(rng), account(rng));
    if a == b {
        return;
    }
    let amount = rng.below(50);
    let both = |x, y| {
        format!("EXISTS (SELECT 1 FROM accounts WHERE id = {x}) AND EXISTS (SELECT 1 FROM accounts WHERE id = {y})")
    };
    match rng.below(8) {
        // In one statement
        0 => list.push(format!(
            "UPDATE accounts SET balance = balance + CASE id WHEN {a} THEN -{amount} ELSE {amount} END \
             WHERE id IN ({a}, {b}) AND {}",
            both(a, b)
        )),
        // In two, with the unbalanced state between them
        1 | 2 => list.extend([
            format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {a} AND {}", both(a, b)),
            format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {b} AND {}", both(a, b)),
        ]),
        3 => list.extend(swap_owners(a, b)),
        // Merged into another account, and split off again under a new number
        4 => list.extend([
            format!(
                "UPDATE accounts SET balance = balance + (SELECT balance FROM accounts WHERE id = {a}) \
                 WHERE id = {b} AND {}",
                both(a, b)
            ),
            format!("DELETE FROM accounts WHERE id = {a} AND {}", both(a, b)),
        ]),
        5 => list.extend([
            format!(
                "INSERT INTO accounts SELECT {a}, CASE WHEN EXISTS (SELECT 1 FROM accounts WHERE owner = 'owner {a}') \
                 THEN NULL ELSE 'owner {a}' END, {amount} WHERE EXISTS (SELECT 1 FROM accounts WHERE id = {b})"
            ),
            format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {b}"),
        ]),
        6 => list.push(format!("REPLACE INTO accounts SELECT id, owner, balance FROM accounts WHERE id IN ({a}, {b})")),
        _ => list.push(format!("UPDATE accounts SET id = {b} WHERE id = {a}")),
    }
}

/// Two accounts exchange their numbers: seen by key, unique owners and balances change places
fn swap_owners(a: usize, b: usize) -> [String; 3] {
    [(a, 0), (b, a), (0, b)].map(|(from, to)| format!("UPDATE accounts SET id = {to} WHERE id = {from}"))
}

fn account(rng: &mut Rng) -> usize {
    1 + rng.below(ACCOUNTS + 5)
}
