//! Creating, changing and retiring master data: on the primary only, one record at a time.

use std::sync::Arc;

use futures::future::BoxFuture;
use supplysync_model::{Fault, Item, Kind, Name, NameId, Reason, RecordId, RecordKey, Store, Unit};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Versioned;
use supplysync_store::{Etag, OwnChange, Queries, Store as RecordStore, WriteTx};

use super::kept;
use super::lookup;
use super::master_rules::{check_item, check_name, check_store, check_unit};
use super::ownership::require_primary;
use super::problems::Problems;

/// A kind of master data.
pub trait Master: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// Its kind.
    const KIND: Kind;
    /// The field that tells those that are not retired apart.
    const KEY: &'static str;

    /// The id.
    fn id(&self) -> RecordId;
    /// Sets the id of a new one.
    fn set_id(&mut self, id: RecordId);
    /// What tells those that are not retired apart.
    fn key(&self) -> &str;
    /// Out of a body of this kind.
    fn from_body(body: RecordBody) -> Option<Self>;
    /// Into a body.
    fn into_body(self) -> RecordBody;
    /// The rules that hold whatever else is on record.
    fn check(&self, problems: &mut Problems);
    /// The record, not retired, that has this key.
    fn holder<'a>(tx: &'a Queries, key: &'a str) -> BoxFuture<'a, Result<Option<RecordId>, Fault>>;
    /// Whether what it refers to is there and not retired.
    fn check_references<'a>(
        &'a self,
        before: Option<&'a Self>,
        tx: &'a Queries,
        problems: &'a mut Problems,
    ) -> BoxFuture<'a, Result<(), Fault>>;
    /// Other records that change with it; `None` on either side when it is created or retired.
    fn companions<'a>(
        _before: Option<&'a Self>,
        _after: Option<&'a Self>,
        _tx: &'a Queries,
    ) -> BoxFuture<'a, Result<Vec<RecordBody>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// What an update does to the record that it finds.
pub type Change<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// Creates a record; its id is made here.
pub async fn create<T: Master>(store: &RecordStore, value: T) -> Result<Versioned<T>, Fault> {
    store
        .write("create master data", move |tx| {
            let mut value = value.clone();
            Box::pin(async move {
                require_primary(tx).await?;
                value.set_id(RecordId::new(tx.new_id()));
                check(tx, None, &value).await?;
                write(tx, None, Some(value), None).await
            })
        })
        .await
}

/// Changes a record that is not retired.
pub async fn update<T: Master>(
    store: &RecordStore,
    id: RecordId,
    expected: Option<Etag>,
    change: Change<T>,
) -> Result<Versioned<T>, Fault> {
    store
        .write("update master data", move |tx| {
            let change = change.clone();
            Box::pin(async move {
                require_primary(tx).await?;
                let before = current::<T>(tx, id, expected).await?;
                let mut after = before.clone();
                change(&mut after);
                after.set_id(id);
                check(tx, Some(&before), &after).await?;
                write(tx, Some(before), Some(after), expected).await
            })
        })
        .await
}

/// Retires a record: it stays readable, and takes nothing new.
pub async fn retire<T: Master>(
    store: &RecordStore,
    id: RecordId,
    expected: Option<Etag>,
) -> Result<Versioned<T>, Fault> {
    store
        .write("retire master data", move |tx| {
            Box::pin(async move {
                require_primary(tx).await?;
                let before = current::<T>(tx, id, expected).await?;
                write(tx, Some(before), None, expected).await
            })
        })
        .await
}

/// Reads a record, retired or not.
pub async fn get<T: Master>(tx: &Queries, id: RecordId) -> Result<Option<Versioned<T>>, Fault> {
    let key = RecordKey { kind: T::KIND, id };
    let Some(found) = kept::find(tx, key).await? else {
        return Ok(None);
    };
    Ok(T::from_body(found.value).map(|value| Versioned {
        value,
        etag: found.etag,
        retired: found.retired,
    }))
}

async fn current<T: Master>(tx: &WriteTx, id: RecordId, expected: Option<Etag>) -> Result<T, Fault> {
    let key = RecordKey { kind: T::KIND, id };
    let found = get::<T>(tx, id)
        .await?
        .filter(|found| !found.retired)
        .ok_or_else(|| kept::not_found(key))?;
    if expected.is_some_and(|etag| etag != found.etag) {
        return Err(kept::stale(key));
    }
    Ok(found.value)
}

async fn check<T: Master>(tx: &WriteTx, before: Option<&T>, after: &T) -> Result<(), Fault> {
    let mut problems = Problems::default();
    after.check(&mut problems);
    after.check_references(before, tx, &mut problems).await?;
    let holder = T::holder(tx, after.key()).await?;
    if holder.is_some_and(|holder| holder != after.id()) {
        problems.rule(
            Reason::CODE_TAKEN,
            T::KEY,
            format!("{} {:?} exists already", T::KIND, after.key()),
        );
    }
    problems.finish()
}

async fn write<T: Master>(
    tx: &mut WriteTx,
    before: Option<T>,
    after: Option<T>,
    expected: Option<Etag>,
) -> Result<Versioned<T>, Fault> {
    let retired = after.is_none();
    let companions = T::companions(before.as_ref(), after.as_ref(), tx).await?;
    let Some(value) = after.or(before) else {
        return Err(Fault::internal("a write of nothing"));
    };
    let key = RecordKey {
        kind: T::KIND,
        id: value.id(),
    };
    let own = OwnChange {
        body: value.clone().into_body(),
        deleted: retired,
        expected,
    };
    let others = companions.into_iter().map(|body| OwnChange {
        body,
        deleted: false,
        expected: None,
    });
    let written = tx.put(std::iter::once(own).chain(others).collect()).await?;
    let etag = written
        .iter()
        .find(|written| written.key == key)
        .map(|written| written.etag)
        .ok_or_else(|| Fault::internal("a write that says nothing of its record"))?;
    Ok(Versioned { value, etag, retired })
}

macro_rules! master {
    ($name:ident, $kind:ident, $key:ident, $check:ident, $holder:ident) => {
        const KIND: Kind = Kind::$kind;
        const KEY: &'static str = stringify!($key);

        fn id(&self) -> RecordId {
            self.id.into()
        }

        fn set_id(&mut self, id: RecordId) {
            self.id = id.into();
        }

        fn key(&self) -> &str {
            &self.$key
        }

        fn from_body(body: RecordBody) -> Option<Self> {
            match body {
                RecordBody::$name(value) => Some(value),
                _ => None,
            }
        }

        fn into_body(self) -> RecordBody {
            RecordBody::$name(self)
        }

        fn check(&self, problems: &mut Problems) {
            $check(self, problems);
        }

        fn holder<'a>(tx: &'a Queries, key: &'a str) -> BoxFuture<'a, Result<Option<RecordId>, Fault>> {
            Box::pin(lookup::$holder(tx, key))
        }
    };
}

impl Master for Unit {
    master!(Unit, UNIT, name, check_unit, unit_named);

    fn check_references<'a>(
        &'a self,
        _: Option<&'a Self>,
        _: &'a Queries,
        _: &'a mut Problems,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

impl Master for Item {
    master!(Item, ITEM, code, check_item, item_coded);

    fn check_references<'a>(
        &'a self,
        before: Option<&'a Self>,
        tx: &'a Queries,
        problems: &'a mut Problems,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            // What it referred to before may have been retired since: that is no reason to refuse other changes.
            let Some(unit) = self
                .unit
                .filter(|unit| before.and_then(|item| item.unit) != Some(*unit))
            else {
                return Ok(());
            };
            match get::<Unit>(tx, unit.into()).await? {
                None => problems.invalid("unit_id", "no unit with this id"),
                Some(unit) if unit.retired => {
                    problems.invalid("unit_id", format!("unit {:?} is retired", unit.value.name));
                }
                Some(_) => {}
            }
            Ok(())
        })
    }
}

impl Master for Name {
    master!(Name, NAME, code, check_name, name_coded);

    fn check_references<'a>(
        &'a self,
        before: Option<&'a Self>,
        _: &'a Queries,
        problems: &'a mut Problems,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            if self.store != before.and_then(|name| name.store) {
                problems.invalid(
                    "store_id",
                    "is set by the store: create or update the store with this name",
                );
            }
            Ok(())
        })
    }
}

impl Master for Store {
    master!(Store, STORE, code, check_store, store_coded);

    fn check_references<'a>(
        &'a self,
        before: Option<&'a Self>,
        tx: &'a Queries,
        problems: &'a mut Problems,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let Some(id) = self
                .name_id
                .filter(|id| before.and_then(|store| store.name_id) != Some(*id))
            else {
                return Ok(());
            };
            match get::<Name>(tx, id.into()).await? {
                None => problems.invalid("name_id", "no name with this id"),
                Some(name) if name.retired => {
                    problems.invalid("name_id", format!("name {:?} is retired", name.value.code));
                }
                Some(name) if name.value.store.is_some_and(|store| store != self.id) => {
                    problems.invalid(
                        "name_id",
                        format!("name {:?} stands for another store", name.value.code),
                    );
                }
                Some(_) => {}
            }
            Ok(())
        })
    }

    /// A name knows the store that it stands for.
    fn companions<'a>(
        before: Option<&'a Self>,
        after: Option<&'a Self>,
        tx: &'a Queries,
    ) -> BoxFuture<'a, Result<Vec<RecordBody>, Fault>> {
        Box::pin(async move {
            let (old, new) = (before.and_then(|s| s.name_id), after.and_then(|s| s.name_id));
            let mut changed = Vec::new();
            if old != new {
                changed.extend(renamed(tx, old, None).await?);
                changed.extend(renamed(tx, new, after).await?);
            }
            Ok(changed)
        })
    }
}

async fn renamed(
    tx: &Queries,
    id: Option<NameId>,
    store: Option<&Store>,
) -> Result<Option<RecordBody>, Fault> {
    let Some(id) = id else { return Ok(None) };
    let name = get::<Name>(tx, id.into()).await?;
    Ok(name.filter(|name| !name.retired).map(|name| {
        RecordBody::Name(Name {
            store: store.map(|store| store.id),
            ..name.value
        })
    }))
}
