//! A blocking PostgreSQL client that gives every value as the server's own text
//!
//! The simple query protocol returns text for every type, so nothing of the product's codecs is needed to read what
//! the product wrote.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// One row: the text of each column, `None` for NULL
pub type Row = Vec<Option<String>>;

/// One connection with its own little runtime
pub struct Pg {
    runtime: Runtime,
    client: Client,
}

impl Pg {
    /// Connects, or says why not
    pub fn try_connect(url: &str) -> Result<Pg, String> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime for the test client");
        let (client, connection) = runtime
            .block_on(tokio_postgres::connect(url, NoTls))
            .map_err(|e| format!("cannot connect to {url}: {e:?}"))?;
        // A cut connection shows as an error of the next query; nothing else has to be said about it.
        runtime.spawn(async move { drop(connection.await) });
        Ok(Pg { runtime, client })
    }

    pub fn connect(url: &str) -> Pg {
        Pg::try_connect(url).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A connection of somebody whom the fence lets pass, to write where no application should
    pub fn stray(url: &str) -> Pg {
        let stray = Pg::connect(url);
        stray.execute("SET session_replication_role = replica");
        stray
    }

    /// The same as one of crossfade's own, so that nothing notes what it writes while PostgreSQL is the primary
    pub fn unseen(url: &str) -> Pg {
        let unseen = Pg::stray(url);
        unseen.execute("SELECT set_config('crossfade.replicator', source_id, false) FROM crossfade.state");
        unseen
    }

    pub fn try_query(&self, sql: &str) -> Result<Vec<Row>, String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).map_err(|e| format!("{sql}: {e:?}"))?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    pub fn query(&self, sql: &str) -> Vec<Row> {
        self.try_query(sql).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The first column of the first row; `None` for NULL and for no row
    pub fn value(&self, sql: &str) -> Option<String> {
        self.query(sql).into_iter().next()?.into_iter().next()?
    }

    pub fn execute(&self, sql: &str) {
        self.query(sql);
    }
}

/// Quotes an identifier, for both sides; on purpose not the product's function
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
