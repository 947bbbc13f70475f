//! Stored documents and written ones in one order.

use super::Own;
use crate::documents::Result;
use crate::documents::language::{Direction, Filter, Sort};
use crate::documents::sqlite::cursor::Position;
use crate::documents::sqlite::functions::Query;
use crate::documents::sqlite::look::{Next, object};
use crate::documents::sqlite::overlay::check::Asked;
use crate::documents::sqlite::plan::{Order, Plan, Wish, ties};
use crate::documents::sqlite::select::{Look, Row, Wanted, sort_of};

/// By what documents come one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    key: Vec<u8>,
    place: i64,
}

/// How a statement has its rows.
pub(super) struct Merging {
    pub(super) plan: Plan,
    pub(super) sort: Sort,
}

/// What comes of stored documents while they are merged.
struct Stored<'a> {
    order: &'a Order,
    sort: &'a Sort,
    next: Option<(Rank, Row)>,
}

impl Own {
    /// Gives what is wanted to `take`, one after the other, as if what was written were stored.
    pub(super) fn merged<T>(
        &mut self,
        look: &Look<'_>,
        wanted: &Wanted<'_>,
        take: impl FnOnce(&mut Next<'_>, &Query, &Merging) -> Result<T>,
    ) -> Result<T> {
        let without = self.ids();
        // What is passed over is merged, too.
        let limit = wanted.limit.map(|limit| limit + wanted.skip);
        let stored = Wanted {
            filter: wanted.filter.clone(),
            wish: wanted.wish.clone(),
            after: wanted.after.clone(),
            skip: 0,
            limit,
            without: &without,
            columns: wanted.columns,
        };
        let mut selected = look.select(&stored)?;
        let merging = Merging { plan: selected.plan.clone(), sort: selected.sort.clone() };
        let order = Wish::Exactly(merging.plan.order.clone());
        let mut own =
            self.matching(look, &wanted.filter, &order, wanted.after.as_ref())?.into_iter().peekable();
        let mut asked = Asked::new(&stored, &merging.plan.order);
        let (mut rows, query) = selected.rows()?;
        let mut from = Stored { order: &merging.plan.order, sort: &merging.sort, next: None };
        let (mut skip, mut has_more) = (wanted.skip, true);
        let mut next = || loop {
            if has_more && from.next.is_none() {
                let row = rows.next()?;
                has_more = row.is_some();
                asked.takes(row.as_ref(), limit);
                from.put(row)?;
            }
            let own_first = match (own.peek(), &from.next) {
                (Some((rank, _)), Some((stored, _))) => rank < stored,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let row =
                if own_first { own.next().map(|(_, row)| row) } else { from.next.take().map(|(_, row)| row) };
            if row.is_some() && skip > 0 {
                skip -= 1;
                continue;
            }
            return Ok(row);
        };
        let taken = take(&mut next, query, &merging);
        // Also what fails has seen something.
        self.seen.asked(asked);
        taken
    }

    /// What was written and matches, in that order, behind that document.
    pub(super) fn matching(
        &self,
        look: &Look<'_>,
        filter: &Filter,
        order: &Wish,
        after: Option<&Position>,
    ) -> Result<Vec<(Rank, Row)>> {
        let order = match order {
            Wish::Any => Order::new(),
            Wish::Like(order) | Wish::Exactly(order) => order.clone(),
        };
        let sort = sort_of(&order)?;
        let behind = after.map(|after| rank(&order, after.sort_key.clone(), after.seq));
        let mut all = Vec::new();
        for (id, held) in &self.written {
            let Some(fresh) = &held.now else { continue };
            look.watch.looked_at(fresh.body.len())?;
            let document = fresh.object()?;
            let rank = rank(&order, sort.key(&document), held.place);
            if filter.matches(&document) && behind.as_ref().is_none_or(|behind| rank > *behind) {
                all.extend(held.row(id).map(|row| (rank, row)));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }
}

impl Stored<'_> {
    fn put(&mut self, row: Option<Row>) -> Result<()> {
        self.next = match row {
            Some(row) => {
                let key = if self.order.is_empty() { Vec::new() } else { self.sort.key(&object(&row.body)?) };
                Some((rank(self.order, key, row.seq), row))
            }
            None => None,
        };
        Ok(())
    }
}

fn rank(order: &Order, key: Vec<u8>, seq: i64) -> Rank {
    let place = if ties(order) == Direction::Ascending { seq } else { seq.saturating_neg() };
    Rank { key, place }
}
