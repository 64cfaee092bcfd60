import { date, decimal, entity, integer, manyToMany, manyToOne, oneToMany, timestamp, varchar } from './heddle.ts'

export class Artist extends entity('artists', {
  id: integer().primaryKey(),
  name: varchar(120),
  get albums() {
    return oneToMany(() => Album, { backPopulates: 'artist', orderBy: 'title' })
  },
}) {}

export class Album extends entity('albums', {
  id: integer().primaryKey(),
  title: varchar(160),
  artistId: integer().references('artists.id'),
  get artist() {
    return manyToOne(() => Artist, { foreignKey: 'artistId', backPopulates: 'albums' })
  },
  get tracks() {
    return oneToMany(() => Track, { backPopulates: 'album', orderBy: 'id' })
  },
}) {}

export class Genre extends entity('genres', {
  id: integer().primaryKey(),
  name: varchar(120),
  get tracks() {
    return oneToMany(() => Track, { backPopulates: 'genre' })
  },
}) {}

export class MediaType extends entity('media_types', {
  id: integer().primaryKey(),
  name: varchar(120),
  get tracks() {
    return oneToMany(() => Track, { backPopulates: 'mediaType' })
  },
}) {}

export class Track extends entity(
  'tracks',
  {
    id: integer().primaryKey(),
    name: varchar(200),
    albumId: integer().nullable().references('albums.id'),
    mediaTypeId: integer().references('media_types.id'),
    genreId: integer().nullable().references('genres.id'),
    composer: varchar(220).nullable(),
    milliseconds: integer(),
    bytes: integer(),
    unitPrice: decimal(10, 2),
    get album() {
      return manyToOne(() => Album, { foreignKey: 'albumId', backPopulates: 'tracks' }).nullable()
    },
    get mediaType() {
      return manyToOne(() => MediaType, { foreignKey: 'mediaTypeId', backPopulates: 'tracks' })
    },
    get genre() {
      return manyToOne(() => Genre, { foreignKey: 'genreId', backPopulates: 'tracks' }).nullable()
    },
    get playlists() {
      return manyToMany(() => Playlist, { through: 'playlist_track', backPopulates: 'tracks' })
    },
    get lines() {
      return oneToMany(() => InvoiceLine, { backPopulates: 'track' })
    },
  },
  { indexes: [['albumId'], ['genreId'], ['name']] },
) {}

export class Playlist extends entity('playlists', {
  id: integer().primaryKey(),
  name: varchar(120),
  get tracks() {
    return manyToMany(() => Track, { through: 'playlist_track', backPopulates: 'playlists' })
  },
}) {}

/** The pairs of playlists and tracks, mapped as an entity too so that they can be inserted as plain rows. */
export class PlaylistTrack extends entity('playlist_track', {
  playlistId: integer().primaryKey().references('playlists.id'),
  trackId: integer().primaryKey().references('tracks.id'),
}) {}

export class Employee extends entity('employees', {
  id: integer().primaryKey(),
  lastName: varchar(20),
  firstName: varchar(20),
  title: varchar(30),
  managerId: integer().nullable().references('employees.id'),
  hiredOn: date(),
  city: varchar(40),
  country: varchar(40),
  get manager() {
    return manyToOne(() => Employee, { foreignKey: 'managerId', backPopulates: 'reports' }).nullable()
  },
  get reports() {
    return oneToMany(() => Employee, { foreignKey: 'managerId', backPopulates: 'manager' })
  },
  get customers() {
    return oneToMany(() => Customer, { backPopulates: 'supportRep' })
  },
}) {}

export class Customer extends entity('customers', {
  id: integer().primaryKey(),
  firstName: varchar(40),
  lastName: varchar(20),
  company: varchar(80).nullable(),
  city: varchar(40),
  country: varchar(40),
  email: varchar(60).unique(),
  supportRepId: integer().nullable().references('employees.id'),
  get supportRep() {
    return manyToOne(() => Employee, { foreignKey: 'supportRepId', backPopulates: 'customers' }).nullable()
  },
  get invoices() {
    return oneToMany(() => Invoice, { backPopulates: 'customer', orderBy: 'id' })
  },
}) {}

export class Invoice extends entity('invoices', {
  id: integer().primaryKey(),
  customerId: integer().references('customers.id'),
  invoicedAt: timestamp(),
  billingCountry: varchar(40),
  total: decimal(10, 2),
  get customer() {
    return manyToOne(() => Customer, { foreignKey: 'customerId', backPopulates: 'invoices' })
  },
  get lines() {
    return oneToMany(() => InvoiceLine, { backPopulates: 'invoice', orderBy: 'id' })
  },
}) {}

export class InvoiceLine extends entity(
  'invoice_lines',
  {
    id: integer().primaryKey(),
    invoiceId: integer().references('invoices.id'),
    trackId: integer().references('tracks.id'),
    unitPrice: decimal(10, 2),
    quantity: integer(),
    get invoice() {
      return manyToOne(() => Invoice, { foreignKey: 'invoiceId', backPopulates: 'lines' })
    },
    get track() {
      return manyToOne(() => Track, { foreignKey: 'trackId', backPopulates: 'lines' })
    },
  },
  { indexes: [['invoiceId'], ['trackId']] },
) {}

/** Everything, for `createAll` and `dropAll`. */
export const entities = [
  Artist,
  Album,
  Genre,
  MediaType,
  Track,
  Playlist,
  PlaylistTrack,
  Employee,
  Customer,
  Invoice,
  InvoiceLine,
]
