//! The target's side of verify: rows decoded from the server's binary fields, apart from the encoder

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;

use crate::engine::job::Context;
use crate::error::Result;
use crate::model::canonical::comparable;
use crate::model::change::Rows;
use crate::model::decode::decode_column;
use crate::model::digest::RowDigest;
use crate::model::key::{KeyRef, write_value};
use crate::model::plan::{Mode, Plan, TablePlan};
use crate::model::value::Value;
use crate::postgres::rows as target_rows;

/// Calls `visit` with the key and the digest of every row of the target's table
pub fn scan_target(
    context: &Context,
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    visit: &mut (dyn FnMut(&[u8], u128) + '_),
) -> Result<()> {
    let mut decoder = Decoder::new(plan.mode, table);
    context.runtime.block_on(target_rows::scan(client, plan, table, |fields| {
        let digest = decoder.decode(fields.iter().copied());
        visit(&decoder.key, digest);
        Ok(())
    }))
}

/// The digests of the rows with these keys, as far as they are there
pub fn by_keys(
    context: &Context,
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    keys: &HashSet<Vec<u8>>,
) -> Result<HashMap<Vec<u8>, u128>> {
    let mut wanted = Rows::new(table.key_plans());
    // In their order: neighbours are on the same page.
    let mut sorted: Vec<&Vec<u8>> = keys.iter().collect();
    sorted.sort_unstable_by(|a, b| KeyRef(a).compare(KeyRef(b)));
    for key in sorted {
        let mut parts = KeyRef(key).parts().zip(table.key_plans()).enumerate();
        // A key that the target's type cannot hold is not there.
        if parts.all(|(place, (part, column))| wanted.push(place, column, part).is_ok()) {
            wanted.end_row();
        } else {
            wanted.undo_row();
        }
    }
    wanted.seal();
    let mut found = HashMap::with_capacity(wanted.count());
    if wanted.count() == 0 {
        return Ok(found);
    }
    let mut decoder = Decoder::new(plan.mode, table);
    context.runtime.block_on(target_rows::by_keys(client, plan, table, &wanted, |fields| {
        let digest = decoder.decode(fields.iter().copied());
        if keys.contains(&decoder.key) {
            found.insert(decoder.key.clone(), digest);
        }
    }))?;
    Ok(found)
}

/// Decodes rows of the target; buffers are used again
pub struct Decoder<'t> {
    mode: Mode,
    table: &'t TablePlan,
    digest: RowDigest,
    scratch: Vec<u8>,
    canonical: Vec<u8>,
    /// Key of the last row
    pub key: Vec<u8>,
    parts: Vec<Vec<u8>>,
}

impl<'t> Decoder<'t> {
    pub fn new(mode: Mode, table: &'t TablePlan) -> Decoder<'t> {
        let parts = vec![Vec::new(); table.key_columns.len()];
        Decoder {
            mode,
            table,
            digest: RowDigest::new(),
            scratch: Vec::new(),
            canonical: Vec::new(),
            key: Vec::new(),
            parts,
        }
    }

    /// The digest of a row, given the fields of its compared columns; its key is then in `key`
    pub fn decode<'f>(&mut self, fields: impl Iterator<Item = Option<&'f [u8]>>) -> u128 {
        self.digest.reset();
        for ((index, column), field) in self.table.compared_columns(self.mode).zip(fields) {
            // What no SQLite value maps to was not written by us: as its bytes it equals nothing on the source.
            let value = decode_column(field, self.table, column, &mut self.scratch)
                .unwrap_or_else(|_| Value::Blob(field.unwrap_or_default()));
            self.digest.add(comparable(value, column.mapping, &mut self.canonical));
            if let Some(place) = self.table.key_columns.iter().position(|&key| key == index) {
                self.parts[place].clear();
                write_value(&mut self.parts[place], value);
            }
        }
        self.key.clear();
        self.parts.iter().for_each(|part| self.key.extend_from_slice(part));
        self.digest.finish()
    }
}
