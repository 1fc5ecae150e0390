//! Other drivers than those of the bank: sqlx, which is async, and diesel, on both databases.

mod postgresql {
    use std::time::Duration;

    use diesel::connection::{SimpleConnection, TransactionManager};
    use diesel::prelude::*;
    use ptest::{setup, test};
    use ptest_db::postgres::{CommitDb, Pg, TxDb};
    use ptest_db::{BoxError, Driver, Url};
    use sqlx::postgres::PgPoolOptions;
    use sqlx::{Connection as _, Executor as _, Row as _};

    #[setup(shared)]
    fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
        let migration = |url: &str| {
            let mut connection = PgConnection::establish(url)?;
            connection.batch_execute("CREATE TABLE notes (text text PRIMARY KEY)")?;
            Ok::<_, BoxError>(())
        };
        Pg::template("notes").migrate(migration).start()
    }

    struct Diesel;

    impl Driver for Diesel {
        type Connection = PgConnection;

        fn open(address: &str) -> Result<PgConnection, BoxError> {
            Ok(PgConnection::establish(address)?)
        }

        fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), BoxError> {
            Ok(connection.batch_execute(sql)?)
        }

        fn begin(connection: &mut PgConnection) -> Result<(), BoxError> {
            Ok(connection.begin_test_transaction()?)
        }

        fn roll_back(connection: &mut PgConnection) -> Result<(), BoxError> {
            Ok(<PgConnection as Connection>::TransactionManager::rollback_transaction(connection)?)
        }

        fn renew(connection: &mut PgConnection) -> Result<bool, BoxError> {
            connection.batch_execute(ptest_db::postgres::RENEW)?;
            Ok(true)
        }
    }

    fn note(connection: &mut PgConnection) {
        let noted =
            connection.transaction(|connection| connection.batch_execute("INSERT INTO notes VALUES ('diesel')"));
        noted.unwrap();
    }

    #[test]
    fn what_diesel_does_in_a_transaction_of_its_own_is_rolled_back(mut db: TxDb<Diesel>) {
        note(&mut db);
    }

    #[test]
    fn diesel_notes_it_again(mut db: TxDb<Diesel>) {
        note(&mut db);
    }

    #[test]
    fn a_connection_of_diesel_serves_again(pg: &Pg) {
        let session = || {
            let mut db: TxDb<Diesel> = pg.begin().unwrap();
            note(&mut db);
            diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()"))
                .get_result::<i32>(&mut *db)
        };
        // Other tests of this process may take the first one's, but not for ever.
        let sessions: Vec<i32> = (0..20).map(|_| session().unwrap()).collect();
        assert!(sessions.windows(2).any(|two| two[0] == two[1]), "{sessions:?}");
    }

    #[test]
    fn diesel_commits(db: CommitDb) {
        note(&mut PgConnection::establish(db.url()).unwrap());
    }

    async fn note_and_forget(url: &str) -> sqlx::Result<()> {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        let mut transaction = connection.begin().await?;
        transaction.execute("INSERT INTO notes VALUES ('sqlx')").await?;
        let count: i64 = transaction.fetch_one("SELECT count(*) FROM notes").await?.get(0);
        assert_eq!(count, 1);
        transaction.rollback().await
    }

    #[test]
    #[tokio::test]
    async fn what_sqlx_does_is_rolled_back(db: TxDb<Url>) -> sqlx::Result<()> {
        note_and_forget(&db).await
    }

    #[test]
    #[tokio::test]
    async fn sqlx_notes_it_again(db: TxDb<Url>) -> sqlx::Result<()> {
        note_and_forget(&db).await
    }

    #[test]
    #[tokio::test]
    async fn a_commit_where_all_is_rolled_back_says_what_to_do(db: TxDb<Url>) -> sqlx::Result<()> {
        let mut connection = sqlx::PgConnection::connect(&db).await?;
        let error = connection.execute("INSERT INTO notes VALUES ('sqlx')").await.unwrap_err().to_string();
        assert!(error.contains("takes a CommitDb"), "{error}");
        note_and_forget(&db).await
    }

    #[test]
    #[tokio::test]
    async fn so_does_one_of_what_no_row_tells(db: TxDb<Url>) -> sqlx::Result<()> {
        let mut connection = sqlx::PgConnection::connect(&db).await?;
        for statement in
            ["TRUNCATE notes", "CREATE TABLE more ()", "ALTER TABLE notes ADD more text", "DROP TABLE notes"]
        {
            let error = connection.execute(statement).await.unwrap_err().to_string();
            assert!(error.contains("takes a CommitDb"), "{statement}: {error}");
            // What is rolled back is the test's own affair.
            let mut transaction = connection.begin().await?;
            transaction.execute(statement).await?;
            transaction.rollback().await?;
        }
        // What is temporary is gone with the connection.
        connection.execute("CREATE TEMPORARY TABLE mine (text text)").await?;
        connection.execute("INSERT INTO mine VALUES ('sqlx')").await?;
        connection.execute("TRUNCATE mine").await?;
        connection.execute("DROP TABLE mine").await?;
        note_and_forget(&db).await
    }

    #[test]
    #[tokio::test]
    async fn a_pool_of_sqlx_commits(db: CommitDb) -> sqlx::Result<()> {
        let size = u32::try_from(db.connections()).unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(Duration::from_secs(20))
            .connect(db.url())
            .await?;
        pool.execute("INSERT INTO notes VALUES ('sqlx')").await?;
        let count: i64 = pool.fetch_one("SELECT count(*) FROM notes").await?.get(0);
        assert_eq!(count, 1);
        Ok(())
    }
}

mod sqlite {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use ptest::{setup, test};
    use ptest_db::sqlite::{CommitDb, Sqlite, TxDb};
    use ptest_db::{BoxError, Driver, Url};
    use sqlx::{Connection as _, Executor as _, Row as _};

    #[setup(shared)]
    fn sqlite() -> Result<ptest::Shared<Sqlite>, ptest_db::Error> {
        Sqlite::template("notes").migrate(migrate).start()
    }

    /// An async migration has a runtime of its own.
    #[tokio::main(flavor = "current_thread")]
    async fn migrate(path: &std::path::Path) -> sqlx::Result<()> {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
        connection.execute("CREATE TABLE notes (text text PRIMARY KEY)").await?;
        connection.close().await
    }

    struct Diesel;

    impl Driver for Diesel {
        type Connection = SqliteConnection;

        fn open(address: &str) -> Result<SqliteConnection, BoxError> {
            Ok(SqliteConnection::establish(address)?)
        }

        fn execute(connection: &mut SqliteConnection, sql: &str) -> Result<(), BoxError> {
            Ok(connection.batch_execute(sql)?)
        }

        fn begin(connection: &mut SqliteConnection) -> Result<(), BoxError> {
            Ok(connection.begin_test_transaction()?)
        }
    }

    fn note(connection: &mut SqliteConnection) {
        let noted =
            connection.transaction(|connection| connection.batch_execute("INSERT INTO notes VALUES ('diesel')"));
        noted.unwrap();
    }

    #[test]
    fn what_diesel_does_in_a_transaction_of_its_own_is_rolled_back(mut db: TxDb<Diesel>) {
        note(&mut db);
    }

    #[test]
    fn diesel_notes_it_again(mut db: TxDb<Diesel>) {
        note(&mut db);
    }

    #[test]
    fn diesel_commits(db: CommitDb) {
        note(&mut SqliteConnection::establish(db.path().to_str().unwrap()).unwrap());
    }

    #[test]
    #[tokio::test]
    async fn sqlx_commits(db: CommitDb) -> sqlx::Result<()> {
        let mut connection = sqlx::SqliteConnection::connect(&db.url()).await?;
        connection.execute("INSERT INTO notes VALUES ('sqlx')").await?;
        let count: i64 = connection.fetch_one("SELECT count(*) FROM notes").await?.get(0);
        assert_eq!(count, 1);
        Ok(())
    }

    #[test]
    #[tokio::test]
    async fn each_test_that_connects_itself_has_a_fresh_copy(db: TxDb<Url>) -> sqlx::Result<()> {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", &**db)).await?;
        let mut transaction = connection.begin().await?;
        transaction.execute("INSERT INTO notes VALUES ('sqlx')").await?;
        Ok(())
    }
}
