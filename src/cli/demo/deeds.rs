//! What the shop does all day, as transactions of SQLite

use rusqlite::{OptionalExtension, Transaction};

use super::shop::Size;

/// One business transaction of the shop
pub type Deed = fn(&Transaction, &mut Random, Size) -> rusqlite::Result<()>;

/// What the shop does, and how often (in parts of the sum of all weights)
const DEEDS: [(i64, Deed); 9] = [
    (30, place_order),
    (15, pay_order),
    (15, ship_order),
    (12, cancel_order),
    (15, transfer),
    (8, restock),
    (6, move_shelf),
    (5, swap_emails),
    (1, rename_product),
];

/// What is done next
pub fn choose(random: &mut Random) -> Deed {
    let mut left = random.below(DEEDS.iter().map(|(weight, _)| weight).sum());
    for (weight, deed) in DEEDS {
        if left < weight {
            return deed;
        }
        left -= weight;
    }
    place_order
}

fn place_order(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO orders (customer_id, placed_at, note)
         VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), CASE WHEN ?1 % 9 = 0 THEN 'express' END)",
        [random.below(i64::from(size.customers)) + 1],
    )?;
    let order = tx.last_insert_rowid();
    for line in 1..=random.below(4) + 1 {
        tx.execute(
            "INSERT INTO order_items (order_id, line, sku, quantity, price_cents)
             SELECT ?1, ?2, sku, 1 + ?3 % 3, price_cents FROM products WHERE rowid >= ?3 LIMIT 1",
            (order, line, random.below(i64::from(size.products)) + 1),
        )?;
    }
    tx.execute(
        "UPDATE inventory SET quantity = quantity - 1 WHERE sku IN (SELECT sku FROM order_items WHERE order_id = ?1)",
        [order],
    )?;
    Ok(())
}

fn pay_order(tx: &Transaction, random: &mut Random, _: Size) -> rusqlite::Result<()> {
    let Some(order) = some_order(tx, random)? else { return Ok(()) };
    tx.execute(
        "INSERT INTO payments (order_id, reference, amount_cents, paid_at)
         SELECT ?1, 'PAY-' || ?2, coalesce(sum(quantity * price_cents), 0), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
         FROM order_items WHERE order_id = ?1",
        (order, format!("{:016x}", random.next())),
    )?;
    tx.execute("UPDATE orders SET status = 'paid' WHERE id = ?1", [order])?;
    Ok(())
}

fn ship_order(tx: &Transaction, random: &mut Random, _: Size) -> rusqlite::Result<()> {
    let Some(order) = some_order(tx, random)? else { return Ok(()) };
    tx.execute("UPDATE orders SET status = 'shipped', note = NULL WHERE id = ?1", [order])?;
    tx.execute(
        "UPDATE customers SET points = points + 0.125 WHERE id = (SELECT customer_id FROM orders WHERE id = ?1)",
        [order],
    )?;
    Ok(())
}

/// Items and payments go with the order, by the foreign keys' cascade
fn cancel_order(tx: &Transaction, random: &mut Random, _: Size) -> rusqlite::Result<()> {
    let Some(order) = some_order(tx, random)? else { return Ok(()) };
    tx.execute("DELETE FROM orders WHERE id = ?1", [order])?;
    Ok(())
}

/// Takes and gives in one transaction, so that the sum of all balances stays what it was
fn transfer(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    let accounts = i64::from(size.accounts);
    let (from, to, amount) = (random.below(accounts) + 1, random.below(accounts) + 1, random.below(500) + 1);
    let taken =
        tx.execute("UPDATE accounts SET balance = balance - ?1 WHERE id = ?2 AND balance >= ?1", (amount, from))?;
    if taken == 1 {
        tx.execute("UPDATE accounts SET balance = balance + ?1 WHERE id = ?2", (amount, to))?;
    }
    Ok(())
}

fn restock(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO inventory (sku, shelf, quantity)
         SELECT sku, 'N-' || ?2, 50 FROM products WHERE rowid >= ?1 LIMIT 1
         ON CONFLICT (sku) DO UPDATE SET quantity = quantity + 50",
        (random.below(i64::from(size.products)) + 1, format!("{:016x}", random.next())),
    )?;
    Ok(())
}

/// REPLACE takes the shelf of another product, whose own row vanishes without a word
fn move_shelf(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    let products = i64::from(size.products);
    tx.execute(
        "REPLACE INTO inventory (sku, shelf, quantity)
         SELECT sku, coalesce((SELECT shelf FROM inventory WHERE rowid >= ?2 LIMIT 1), 'M-' || ?2), 10
         FROM products WHERE rowid >= ?1 LIMIT 1",
        (random.below(products) + 1, random.below(products) + 1),
    )?;
    Ok(())
}

/// Two rows trade a unique value inside one transaction
fn swap_emails(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    let customers = i64::from(size.customers);
    let (one, other) = (random.below(customers) + 1, random.below(customers) + 1);
    let email = |id: i64| -> rusqlite::Result<String> {
        tx.query_row("SELECT email FROM customers WHERE id = ?1", [id], |row| row.get(0))
    };
    let (first, second) = (email(one)?, email(other)?);
    if one == other {
        return Ok(());
    }
    let mut set = tx.prepare("UPDATE customers SET email = ?1 WHERE id = ?2")?;
    set.execute(("being swapped", one))?;
    set.execute((first, other))?;
    set.execute((second, one))?;
    Ok(())
}

/// The primary key itself changes, and takes the rows that point at it along
fn rename_product(tx: &Transaction, random: &mut Random, size: Size) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE products SET sku = 'SKU-' || ?2 WHERE rowid = ?1",
        (random.below(i64::from(size.products)) + 1, format!("{:016x}", random.next())),
    )?;
    Ok(())
}

fn some_order(tx: &Transaction, random: &mut Random) -> rusqlite::Result<Option<i64>> {
    let newest: Option<i64> = tx.query_row("SELECT max(id) FROM orders", (), |row| row.get(0))?;
    let from = random.below(newest.unwrap_or(0).max(1));
    tx.query_row("SELECT id FROM orders WHERE id > ?1 LIMIT 1", [from], |row| row.get(0)).optional()
}

/// SplitMix64: small, seeded, good enough to pick rows with
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than the limit
    pub fn below(&mut self, limit: i64) -> i64 {
        (self.next() >> 1) as i64 % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::shop::{SMALL, Shop, assert_sound, number};

    #[test]
    fn every_deed_works_and_keeps_the_balance_in_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let shop = Shop::create(&directory.path().join("shop.db"), SMALL).unwrap();
        let mut connection = shop.open().unwrap();
        let mut random = Random(7);
        for round in 0..2_000 {
            let (_, deed) = DEEDS[round % DEEDS.len()];
            let tx = connection.transaction().unwrap();
            deed(&tx, &mut random, SMALL).unwrap();
            tx.commit().unwrap();
            assert_eq!(number(&connection, "SELECT sum(balance) FROM accounts"), shop.total_balance());
        }
        assert_sound(&connection, &shop);
        assert!(number(&connection, "SELECT count(*) FROM inventory") < 40, "REPLACE never removed a row");
        assert!(number(&connection, "SELECT count(*) FROM products WHERE length(sku) = 20") > 0);
        assert!(
            number(&connection, "SELECT count(*) FROM customers WHERE email <> 'customer' || id || '@example.com'") > 0
        );
    }
}
