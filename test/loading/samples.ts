import {
  bigint,
  boolean,
  bytes,
  custom,
  date,
  decimal,
  enumeration,
  integer,
  json,
  real,
  text,
  timestamp,
  uuid,
  varchar,
} from '../../src/mapping/index.ts'
import { plainEntity } from '../mapping/plain-entity.ts'

/** One column of every kind; names that the naming changes, and one that was given by hand. */
export class Item extends plainEntity('stockItems', {
  id: integer().primaryKey(),
  name: text(),
  shortName: varchar(10).nullable(),
  isActive: boolean(),
  size: bigint(),
  weight: real(),
  price: decimal(12, 2),
  createdAt: timestamp(),
  day: date(),
  token: uuid().named('secret_token'),
  content: bytes(),
  kind: enumeration('book', 'game'),
  settings: json<{ theme: string }>().nullable(),
  tags: custom<string[], string>({
    storage: text(),
    toDatabase: (tags) => tags.join(','),
    fromDatabase: (stored) => stored.split(','),
  }),
  ownerId: integer().nullable(),
}) {}

/** Properties whose names another column has in the database. */
export class Swapped extends plainEntity('swapped', {
  id: integer().primaryKey(),
  a: integer().named('b'),
  b: integer().named('a'),
}) {}

/** In a schema of its own. */
export class Filed extends plainEntity(
  'files',
  { id: integer().primaryKey(), fileName: text() },
  { schema: 'archive' },
) {}
