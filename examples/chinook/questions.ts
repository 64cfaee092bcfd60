import {
  Album,
  Artist,
  Customer,
  Employee,
  Genre,
  Invoice,
  InvoiceLine,
  MediaType,
  Playlist,
  Track,
} from './entities.ts'
import { type Session, sql } from './heddle.ts'

/** A question, how the program asks it, and how SQL does. */
export interface Question {
  readonly title: string
  /** Rows: objects, or instances of which `columns` are meant. */
  ask(session: Session): Promise<readonly object[]>
  /** The columns that are compared, by property, in the order of the SQL. */
  readonly columns: readonly string[]
  readonly sql: string
}

/** Twenty questions that a music store has. */
export const questions: readonly Question[] = [
  {
    title: 'Which tracks are on album 7, in their order?',
    ask: (session) => session.query(Track).withParent(album7(), 'tracks').orderBy('id').all(),
    columns: ['id', 'name'],
    sql: 'select id, name from tracks where album_id = 7 order by id',
  },
  {
    title: 'Which ten artists have the most albums?',
    ask: (session) =>
      session
        .query(Artist)
        .join('albums')
        .select(({ count }) => ({ name: 'name', albums: count() }))
        .groupBy('id', 'name')
        .orderBy('albums', 'desc')
        .orderBy('id')
        .limit(10)
        .all(),
    columns: ['name', 'albums'],
    sql: `select a.name, count(*) as n from artists a join albums b on b.artist_id = a.id group by a.id, a.name order by n desc, a.id limit 10`,
  },
  {
    title: 'Which artists have no album?',
    ask: (session) => session.query(Artist).whereHasNo('albums').orderBy('id').all(),
    columns: ['id', 'name'],
    sql: 'select id, name from artists a where not exists (select 1 from albums b where b.artist_id = a.id) order by id',
  },
  {
    title: 'How many tracks does each genre have, and how long are they together? Genres without any count too.',
    ask: (session) =>
      session
        .query(Genre)
        .leftJoin('tracks')
        .select(({ count, sum }) => ({ genre: 'name', tracks: count('tracks.id'), length: sum('tracks.milliseconds') }))
        .groupBy('id', 'name')
        .orderBy('id')
        .all(),
    columns: ['genre', 'tracks', 'length'],
    sql: `select g.name, count(t.id), sum(t.milliseconds) from genres g left join tracks t on t.genre_id = g.id group by g.id, g.name order by g.id`,
  },
  {
    title: 'How long is the longest track of each media type?',
    ask: (session) =>
      session
        .query(MediaType)
        .join('tracks')
        .select(({ max }) => ({ name: 'name', longest: max('tracks.milliseconds') }))
        .groupBy('id', 'name')
        .orderBy('longest', 'desc')
        .all(),
    columns: ['name', 'longest'],
    sql: `select m.name, max(t.milliseconds) as longest from media_types m join tracks t on t.media_type_id = m.id group by m.id, m.name order by longest desc`,
  },
  {
    title: 'Which albums last longer than an hour?',
    ask: (session) =>
      session
        .query(Album)
        .join('tracks')
        .select(({ sum }) => ({ title: 'title', length: sum('tracks.milliseconds') }))
        .groupBy('id', 'title')
        .having((eb) => eb.fn.sum('tracks.milliseconds'), '>', 3_600_000)
        .orderBy('id')
        .all(),
    columns: ['title', 'length'],
    sql: `select a.title, sum(t.milliseconds) from albums a join tracks t on t.album_id = a.id group by a.id, a.title having sum(t.milliseconds) > 3600000 order by a.id`,
  },
  {
    title: 'What does each country buy for?',
    ask: (session) =>
      session
        .query(Invoice)
        .select(({ count, sum }) => ({ country: 'billingCountry', invoices: count(), total: sum('total') }))
        .groupBy('billingCountry')
        .orderBy('total', 'desc')
        .orderBy('country')
        .all(),
    columns: ['country', 'invoices', 'total'],
    sql: `select billing_country, count(*), sum(total) as total from invoices group by billing_country order by total desc, billing_country`,
  },
  {
    title: 'Who are the five best customers?',
    ask: (session) =>
      session
        .query(Customer)
        .join('invoices')
        .select(({ entity, sum }) => ({ customer: entity(), id: 'id', spent: sum('invoices.total') }))
        .groupBy('id')
        .orderBy('spent', 'desc')
        .orderBy('id')
        .limit(5)
        .all(),
    columns: ['id', 'spent'],
    sql: `select c.id, sum(i.total) as spent from customers c join invoices i on i.customer_id = c.id group by c.id order by spent desc, c.id limit 5`,
  },
  {
    title: 'Which ten tracks sell best?',
    ask: (session) =>
      session
        .query(Track)
        .join('lines')
        .select(({ sum }) => ({ id: 'id', name: 'name', sold: sum('lines.quantity') }))
        .groupBy('id', 'name')
        .orderBy('sold', 'desc')
        .orderBy('id')
        .limit(10)
        .all(),
    columns: ['id', 'name', 'sold'],
    sql: `select t.id, t.name, sum(l.quantity) as sold from tracks t join invoice_lines l on l.track_id = t.id group by t.id, t.name order by sold desc, t.id limit 10`,
  },
  {
    title: 'Which ten artists earn most?',
    ask: (session) =>
      session
        .query(InvoiceLine)
        .join('track.album.artist')
        .select(({ eb }) => ({
          artist: 'artist.name',
          earned: eb.fn.sum<number>(sql`invoice_lines.unit_price * invoice_lines.quantity`),
        }))
        .groupBy('artist.id', 'artist.name')
        .orderBy('earned', 'desc')
        .orderBy('artist.id')
        .limit(10)
        .all(),
    columns: ['artist', 'earned'],
    sql: `select r.name, sum(l.unit_price * l.quantity) as earned from invoice_lines l join tracks t on t.id = l.track_id
      join albums b on b.id = t.album_id join artists r on r.id = b.artist_id group by r.id, r.name order by earned desc, r.id limit 10`,
  },
  {
    title: 'What was 2024 like?',
    ask: (session) =>
      session
        .query(Invoice)
        .where('invoicedAt', '>=', new Date('2024-01-01T00:00:00Z'))
        .where('invoicedAt', '<', new Date('2025-01-01T00:00:00Z'))
        .select(({ count, sum, avg }) => ({ invoices: count(), total: sum('total'), mean: avg('total') }))
        .all(),
    columns: ['invoices', 'total', 'mean'],
    sql: `select count(*), sum(total), avg(total) from invoices where invoiced_at >= '2024-01-01 00:00:00' and invoiced_at < '2025-01-01 00:00:00'`,
  },
  {
    title: 'Which customers have never bought jazz?',
    ask: (session) =>
      session
        .query(Customer)
        .whereHasNo('invoices', (invoice) =>
          invoice.whereHas('lines.track', (track) =>
            track.whereHas('genre', (genre) => genre.where('name', '=', 'Jazz')),
          ),
        )
        .orderBy('id')
        .all(),
    columns: ['id', 'email'],
    sql: `select id, email from customers where id not in (select i.customer_id from invoices i join invoice_lines l on l.invoice_id = i.id
      join tracks t on t.id = l.track_id join genres g on g.id = t.genre_id where g.name = 'Jazz') order by id`,
  },
  {
    title: 'Which tracks are in more than five playlists?',
    ask: (session) =>
      session
        .query(Track)
        .join('playlists')
        .select(({ count }) => ({ id: 'id', playlists: count() }))
        .groupBy('id')
        .having((eb) => eb.fn.countAll(), '>', 5)
        .orderBy('id')
        .all(),
    columns: ['id', 'playlists'],
    sql: `select track_id, count(*) from playlist_track group by track_id having count(*) > 5 order by track_id`,
  },
  {
    title: 'How many tracks has each playlist, and what would they cost?',
    ask: (session) =>
      session
        .query(Playlist)
        .leftJoin('tracks')
        .select(({ count, sum }) => ({ name: 'name', tracks: count('tracks.id'), price: sum('tracks.unitPrice') }))
        .groupBy('id', 'name')
        .orderBy('id')
        .all(),
    columns: ['name', 'tracks', 'price'],
    sql: `select p.name, count(t.id), sum(t.unit_price) from playlists p left join playlist_track x on x.playlist_id = p.id
      left join tracks t on t.id = x.track_id group by p.id, p.name order by p.id`,
  },
  {
    title: 'Who reports to whom?',
    ask: (session) =>
      session
        .query(Employee)
        .leftJoin('manager', { as: 'boss' })
        .select({ employee: 'lastName', boss: 'boss.lastName' })
        .orderBy('id')
        .all(),
    columns: ['employee', 'boss'],
    sql: 'select e.last_name, b.last_name as boss from employees e left join employees b on b.id = e.manager_id order by e.id',
  },
  {
    title: 'What does each support agent sell?',
    ask: (session) =>
      session
        .query(Employee)
        .join('customers.invoices')
        .select(({ countDistinct, sum }) => ({
          agent: 'lastName',
          customers: countDistinct('customers.id'),
          sales: sum('invoices.total'),
        }))
        .groupBy('id', 'lastName')
        .orderBy('sales', 'desc')
        .all(),
    columns: ['agent', 'customers', 'sales'],
    sql: `select e.last_name, count(distinct c.id), sum(i.total) as sales from employees e join customers c on c.support_rep_id = e.id
      join invoices i on i.customer_id = c.id group by e.id, e.last_name order by sales desc`,
  },
  {
    title: 'How many tracks were never sold, by genre?',
    ask: (session) =>
      session
        .query(Track)
        .whereHasNo('lines')
        .leftJoin('genre')
        .select(({ count }) => ({ genre: 'genre.name', unsold: count() }))
        .groupBy('genre.name')
        .orderBy('genre.name', { nulls: 'last' })
        .all(),
    columns: ['genre', 'unsold'],
    sql: `select g.name, count(*) from tracks t left join genres g on g.id = t.genre_id where t.id not in (select track_id from invoice_lines)
      group by g.name order by case when g.name is null then 1 else 0 end, g.name`,
  },
  {
    title: 'Which customers live where their support agent does?',
    ask: (session) =>
      session.query(Customer).join('supportRep').whereRef('city', '=', 'supportRep.city').orderBy('id').all(),
    columns: ['id', 'city'],
    sql: 'select c.id, c.city from customers c join employees e on e.id = c.support_rep_id and e.city = c.city order by c.id',
  },
  {
    title: 'What stands on the third page of the tracks, by name?',
    ask: async (session) => {
      const page = await session.query(Track).orderBy('name').orderBy('id').paginate({ page: 3, perPage: 25 })
      return page.items
    },
    columns: ['id', 'name'],
    sql: 'select id, name from tracks order by name, id limit 25 offset 50',
  },
  {
    title: 'Which invoices are more than twice the average?',
    ask: (session) =>
      session
        .query(Invoice)
        .where('total', '>', (eb) =>
          eb.selectFrom('invoices as every').select(sql<string>`2 * avg(every.total)`.as('mean')),
        )
        .orderBy('id')
        .all(),
    columns: ['id', 'total'],
    sql: 'select id, total from invoices where total > (select 2 * avg(total) from invoices) order by id',
  },
]

/** An instance that stands for the row of album 7: its key is all that is needed to ask for its tracks. */
function album7(): Album {
  return new Album({ id: 7, title: '', artistId: 1 })
}
