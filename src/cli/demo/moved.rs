//! What the shop does once PostgreSQL is its primary: the same business, each deed one message and one transaction

use super::deeds::Random;
use super::shop::Size;

/// One business transaction, as SQL
type Deed = fn(&mut Random, Size) -> String;

/// What the shop does, and how often (in parts of the sum of all weights)
const DEEDS: [(i64, Deed); 6] =
    [(35, place_order), (20, ship_order), (15, cancel_order), (20, transfer), (8, swap_emails), (2, rename_product)];

/// The next deed
pub fn choose(random: &mut Random, size: Size) -> String {
    let mut left = random.below(DEEDS.iter().map(|(weight, _)| weight).sum());
    for (weight, deed) in DEEDS {
        if left < weight {
            return deed(random, size);
        }
        left -= weight;
    }
    place_order(random, size)
}

fn block(statements: &str) -> String {
    format!("DO $deed$ DECLARE found_id bigint; first_email text; other_email text; BEGIN {statements} END $deed$")
}

fn place_order(random: &mut Random, size: Size) -> String {
    let (customer, product) = (some(random, size.customers), some(random, size.products));
    block(&format!(
        "INSERT INTO orders (customer_id, placed_at, note)
         VALUES ({customer}, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'after the move')
         RETURNING id INTO found_id;
         INSERT INTO order_items (order_id, line, sku, quantity, price_cents)
         SELECT found_id, 1, sku, 2, price_cents FROM products WHERE name = 'Thing no. {product}';
         UPDATE inventory SET quantity = quantity - 1
         WHERE sku = (SELECT sku FROM order_items WHERE order_id = found_id);"
    ))
}

fn ship_order(random: &mut Random, size: Size) -> String {
    let order = some(random, size.orders);
    block(&format!(
        "UPDATE orders SET status = 'shipped', note = NULL WHERE id = {order};
         UPDATE customers SET points = points + 0.125 WHERE id = (SELECT customer_id FROM orders WHERE id = {order});"
    ))
}

/// Items and payments go with the order, by the foreign keys' cascade
fn cancel_order(random: &mut Random, size: Size) -> String {
    format!("DELETE FROM orders WHERE id = {}", some(random, size.orders))
}

/// Locks both accounts in one order, so that two transfers never wait for each other
fn transfer(random: &mut Random, size: Size) -> String {
    let (from, to, amount) = (some(random, size.accounts), some(random, size.accounts), random.below(500) + 1);
    block(&format!(
        "PERFORM 1 FROM accounts WHERE id IN ({from}, {to}) ORDER BY id FOR UPDATE;
         UPDATE accounts SET balance = balance - {amount} WHERE id = {from} AND balance >= {amount};
         IF FOUND THEN UPDATE accounts SET balance = balance + {amount} WHERE id = {to}; END IF;"
    ))
}

/// Two rows trade a unique value inside one transaction
fn swap_emails(random: &mut Random, size: Size) -> String {
    let (one, other) = (some(random, size.customers), some(random, size.customers));
    let (one, other) = (one.min(other), one.max(other));
    block(&format!(
        "PERFORM 1 FROM customers WHERE id IN ({one}, {other}) ORDER BY id FOR UPDATE;
         SELECT email INTO first_email FROM customers WHERE id = {one};
         SELECT email INTO other_email FROM customers WHERE id = {other};
         IF {one} <> {other} THEN
             UPDATE customers SET email = 'being swapped ' || {one} WHERE id = {one};
             UPDATE customers SET email = first_email WHERE id = {other};
             UPDATE customers SET email = other_email WHERE id = {one};
         END IF;"
    ))
}

/// The primary key itself changes, and takes the rows that point at it along
fn rename_product(random: &mut Random, size: Size) -> String {
    let (product, sku) = (some(random, size.products), random.next());
    format!("UPDATE products SET sku = 'SKU-{sku:016x}' WHERE name = 'Thing no. {product}'")
}

fn some(random: &mut Random, count: u32) -> i64 {
    random.below(i64::from(count)) + 1
}
