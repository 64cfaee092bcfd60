import {
  createAll,
  createEngine,
  entity,
  integer,
  NoResultError,
  scopedSession,
  sessionmaker,
  text,
  UniqueViolationError,
} from '../../src/index.ts' // in a program of your own: from 'heddle'

/** A note, by its title. */
export class Note extends entity('notes', {
  id: integer().primaryKey(),
  title: text().unique(),
  body: text().default(''),
  reads: integer().default(0),
}) {}

// Beside the engine, once; imported wherever the database is used. In memory, so that the examples leave nothing behind.
export const engine = createEngine(process.env['DATABASE_URL'] ?? 'sqlite://')
export const Session = scopedSession(sessionmaker({ bind: engine }))

/** Makes the tables. */
export async function prepare(): Promise<void> {
  await createAll(engine, [Note])
}

// ------------------------------------------------------------------------------------------------ service layer
// No function here begins, commits or is given a session: they are part of the unit of work of whoever calls them.

/** Writes a note down. */
export async function writeNote(title: string, body: string): Promise<Note> {
  const note = new Note({ title, body })
  Session.add(note)
  await Session.flush() // now, and not at the commit, so that the note has its id
  return note
}

/** Gives a note, and counts that it was read. */
export async function readNote(title: string): Promise<Note> {
  const note = await Session.query(Note).filterBy({ title }).one()
  note.reads += 1
  return note
}

/** All notes, one by one: for an answer that streams. */
export async function* everyNote(): AsyncGenerator<string> {
  for await (const { title, reads } of Session.query(Note).orderBy('title').stream()) yield `${title} ${reads}\n`
}

/** Moves a body from one note to another: both change, or none. */
export async function moveBody(from: string, to: string): Promise<void> {
  const source = await Session.query(Note).filterBy({ title: from }).one()
  const target = await Session.query(Note).filterBy({ title: to }).one()
  target.body += source.body
  Session.delete(source)
}

// ----------------------------------------------------------------------------------------------- errors, once

/** What a client is told of an error: the one place that knows how errors of the database become statuses. */
export function answerTo(error: unknown): { readonly status: 404 | 409 | 500; readonly message: string } {
  if (error instanceof NoResultError) return { status: 404, message: 'there is no such note' }
  if (error instanceof UniqueViolationError) return { status: 409, message: 'there is a note with this title already' }
  return { status: 500, message: 'something went wrong' }
}
