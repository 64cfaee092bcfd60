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
  PlaylistTrack,
  Track,
} from './entities.ts'
import type { Session } from './heddle.ts'

/** The same numbers on every machine and at every run. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const syllables = ['ba', 'chi', 'do', 'fe', 'ga', 'ko', 'lu', 'mi', 'no', 'ra', 'si', 'ta', 've', 'zo']
const genres = ['Rock', 'Jazz', 'Metal', 'Alternative', 'Blues', 'Latin', 'Reggae', 'Pop', 'Soundtrack', 'Bossa Nova']
const moreGenres = [
  'Easy Listening',
  'Heavy Metal',
  'R&B',
  'Electronica',
  'World',
  'Hip Hop',
  'Science Fiction',
  'Drama',
]
const rarelyPlayed = ['Comedy', 'Classical', 'Opera', 'Folk', 'Country', 'Spoken Word', 'Silence']
const mediaTypes = ['MPEG audio', 'Protected AAC audio', 'Protected video', 'Purchased AAC audio', 'AAC audio']
const places = [
  ['Calgary', 'Canada'],
  ['Oslo', 'Norway'],
  ['Porto', 'Portugal'],
  ['Lima', 'Peru'],
  ['Osaka', 'Japan'],
  ['Nairobi', 'Kenya'],
  ['Ghent', 'Belgium'],
  ['Boston', 'USA'],
] as const

const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const cents = (amount: number) => `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`

/** How much there is. */
export interface Size {
  readonly artists: number
  readonly albums: number
  readonly tracks: number
  readonly playlistEntries: number
  readonly invoices: number
}

/** As much as in the store after which the example is named. */
export const fullSize: Size = { artists: 275, albums: 347, tracks: 3_503, playlistEntries: 8_700, invoices: 412 }

/** Fills the tables with made-up data: the same at every run. */
export async function fill(session: Session, size: Size = fullSize): Promise<void> {
  const random = seededRandom(20_260_101)
  const pick = <T>(choices: readonly T[]) => choices[random(choices.length)] as T
  const word = () => {
    const name = range(2 + random(2))
      .map(() => pick(syllables))
      .join('')
    return name.charAt(0).toUpperCase() + name.slice(1)
  }
  const title = () =>
    range(1 + random(3))
      .map(word)
      .join(' ')

  await session.insert(
    Artist,
    range(size.artists).map((id) => ({ id, name: `${title()} ${id}` })),
  )
  // Some artists have no album, and some have many.
  const productive = Math.ceil(size.artists * 0.7)
  await session.insert(
    Album,
    range(size.albums).map((id) => ({ id, title: title(), artistId: 1 + random(1 + random(productive)) })),
  )
  await session.insert(
    Genre,
    [...genres, ...moreGenres, ...rarelyPlayed].map((name, index) => ({ id: index + 1, name })),
  )
  await session.insert(
    MediaType,
    mediaTypes.map((name, index) => ({ id: index + 1, name })),
  )
  const tracks = range(size.tracks).map((id) => ({
    id,
    name: title(),
    albumId: 1 + random(size.albums),
    mediaTypeId: 1 + random(random(2) === 0 ? 1 : mediaTypes.length),
    genreId: random(50) === 0 ? null : 1 + random(genres.length + moreGenres.length),
    composer: random(3) === 0 ? null : `${word()} ${word()}`,
    milliseconds: 60_000 + random(400_000),
    bytes: 1_000_000 + random(9_000_000),
    unitPrice: random(20) === 0 ? '1.99' : '0.99',
  }))
  await session.insert(Track, tracks)
  await fillPlaylists(session, size, random)
  await fillPeople(session, random, word)
  await fillInvoices(session, size, random, tracks)
}

type Random = (below: number) => number

async function fillPlaylists(session: Session, size: Size, random: Random): Promise<void> {
  const names = [
    'Music',
    'Movies',
    'TV Shows',
    'Audiobooks',
    '90s',
    'Grunge',
    'On the go',
    'Classical',
    'Brazilian',
    'Empty',
  ]
  await session.insert(
    Playlist,
    names.map((name, index) => ({ id: index + 1, name })),
  )
  const pairs = new Map<string, { playlistId: number; trackId: number }>()
  for (let entry = 0; entry < size.playlistEntries; entry++) {
    const pair = { playlistId: 1 + random(names.length - 1), trackId: 1 + random(1 + random(size.tracks)) }
    pairs.set(`${pair.playlistId} ${pair.trackId}`, pair)
  }
  await session.insert(PlaylistTrack, [...pairs.values()])
}

async function fillPeople(session: Session, random: Random, word: () => string): Promise<void> {
  const titles = [
    'General Manager',
    'Sales Manager',
    'Sales Support Agent',
    'Sales Support Agent',
    'Sales Support Agent',
  ]
  const managers = [null, 1, 2, 2, 2, 1, 6, 6]
  const employees = managers.map((managerId, index) => ({
    id: index + 1,
    lastName: word(),
    firstName: word(),
    title: titles[index] ?? (index === 5 ? 'IT Manager' : 'IT Staff'),
    managerId,
    hiredOn: `20${String(10 + random(10)).padStart(2, '0')}-0${1 + random(9)}-1${random(9)}`,
    city: (places[index % 3] as readonly string[])[0] as string,
    country: (places[index % 3] as readonly string[])[1] as string,
  }))
  await session.insert(Employee, employees)
  const customers = range(59).map((id) => {
    const [city, country] = places[random(places.length)] as readonly [string, string]
    return {
      id,
      firstName: word(),
      lastName: word(),
      company: random(4) === 0 ? `${word()} & Sons` : null,
      city,
      country,
      email: `customer${id}@example.org`,
      supportRepId: 3 + random(3),
    }
  })
  await session.insert(Customer, customers)
}

async function fillInvoices(
  session: Session,
  size: Size,
  random: Random,
  tracks: readonly { readonly id: number; readonly unitPrice: string }[],
): Promise<void> {
  const lines: { invoiceId: number; trackId: number; unitPrice: string; quantity: number }[] = []
  const invoices = range(size.invoices).map((id) => {
    let total = 0
    for (let line = random(9); line >= 0; line--) {
      const { id: trackId, unitPrice } = tracks[random(1 + random(tracks.length))] as (typeof tracks)[number]
      const quantity = 1 + random(3)
      lines.push({ invoiceId: id, trackId, unitPrice, quantity })
      total += Math.round(Number(unitPrice) * 100) * quantity
    }
    const place = places[random(places.length)] as readonly [string, string]
    const invoicedAt = new Date(Date.UTC(2022 + random(4), random(12), 1 + random(28), random(24)))
    return { id, customerId: 1 + random(57), invoicedAt, billingCountry: place[1], total: cents(total) }
  })
  await session.insert(Invoice, invoices)
  await session.insert(
    InvoiceLine,
    lines.map((line, index) => ({ id: index + 1, ...line })),
  )
}
