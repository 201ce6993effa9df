//! Multi-row inserts: one array per column, one statement per table and batch.

/// What to do with a row whose key is there already.
pub(crate) enum Conflict {
    /// Keep the first one.
    Keep,
    /// The new row replaces it; the key's columns.
    Replace(&'static str),
}

/// `INSERT INTO table (a, b) SELECT * FROM unnest($1, $2) ON CONFLICT …`
pub(crate) fn statement(table: &str, columns: &[&str], conflict: &Conflict) -> String {
    let parameters: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let assignments: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let on_conflict = match conflict {
        Conflict::Keep => "DO NOTHING".to_owned(),
        Conflict::Replace(key) => format!("({key}) DO UPDATE SET {}", assignments.join(", ")),
    };
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    format!("INSERT INTO {table} ({columns}) SELECT * FROM unnest({parameters}) ON CONFLICT {on_conflict}")
}

/// Defines a table's row and its multi-row insert; the fields are the columns, in the order of the migration. With
/// `counted` the rows that were not there before are counted in `run_counts`.
macro_rules! table_row {
    ($(#[$doc:meta])* $row:ident in $table:literal, $conflict:expr, $(counted $counted:expr,)?
     { $($(#[$field:meta])* $column:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, sqlx::FromRow)]
        pub struct $row {
            $($(#[$field])* pub $column: $kind,)*
        }

        impl $row {
            /// Writes all rows in one statement.
            pub(crate) async fn insert(connection: &mut sqlx::PgConnection, rows: &[Self]) -> sqlx::Result<()> {
                static STATEMENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
                    let insert = $crate::insert::statement($table, &[$(stringify!($column)),*], &$conflict);
                    $(let insert = $counted.statement(&insert);)?
                    insert
                });
                if rows.is_empty() {
                    return Ok(());
                }
                let statement: &'static str = STATEMENT.as_str();
                sqlx::query(statement)
                    $(.bind(rows.iter().map(|row| row.$column.clone()).collect::<Vec<$kind>>()))*
                    .execute(connection)
                    .await?;
                Ok(())
            }
        }
    };
}

pub(crate) use table_row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_one_array_per_column() {
        assert_eq!(
            statement("t", &["a", "b"], &Conflict::Keep),
            "INSERT INTO t (a, b) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            statement("t", &["a", "b"], &Conflict::Replace("a")),
            "INSERT INTO t (a, b) SELECT * FROM unnest($1, $2) ON CONFLICT (a) DO UPDATE SET a = excluded.a, b = excluded.b"
        );
    }
}
