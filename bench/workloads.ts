import type { NewUser, Runner } from './contract.ts'

/** How many requests of W6 run at once, and over how many connections. */
export const W6 = { concurrent: 32, pool: 10 } as const

/** What is loaded before anything is measured. */
export const SIZES = { users: 100_000, authors: 500, postsEach: 10, tags: 50, tagsEach: 3 } as const

/** One workload: its work, what is divided by to tell the time of one step, and what is put right after it. */
export interface Workload {
  readonly id: string
  readonly title: string
  /** SQL that undoes what it has changed, run by the conductor, not measured. */
  readonly undo: readonly string[]
  run(runner: Runner, size: number): Promise<number>
}

const undoUsers = [`delete from users where id > ${SIZES.users}`]
const undoPosts = [`delete from posts where id > ${SIZES.authors * SIZES.postsEach}`]

/** Ids spread over the table in a fixed order that is not the order of the keys. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, n) => ((n * 7_919) % 10_000) + 1)
}

function people(count: number): NewUser[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `new ${n}`,
    email: `new${n}@example.org`,
    age: n % 90,
  }))
}

/** Runs the requests of W6, so many at once. */
async function requests(runner: Runner, count: number): Promise<number> {
  let next = 0
  let posts = 0
  const lane = async () => {
    while (next < count) {
      const id = (next++ % SIZES.authors) + 1
      // In two steps: `posts += await …` would read `posts` before it waits, and lose what the other lanes add.
      const read = await runner.w6?.(id)
      posts += read ?? 0
    }
  }
  await Promise.all(Array.from({ length: W6.concurrent }, lane))
  return posts
}

/** All workloads whose time is measured; the size is for a full run. */
export const WORKLOADS: readonly (Workload & { readonly size: number; readonly quick: number })[] = [
  {
    id: 'W1a',
    title: 'one row by key, a fresh session each',
    size: 5_000,
    quick: 500,
    undo: [],
    run: (runner, size) => runner.w1a(spread(size)),
  },
  {
    id: 'W1b',
    title: 'one row by key, one session',
    size: 5_000,
    quick: 500,
    undo: [],
    run: (runner, size) => runner.w1b(spread(size)),
  },
  {
    id: 'W2',
    title: '10,000 rows into instances',
    size: 10_000,
    quick: 2_000,
    undo: [],
    run: (runner, size) => runner.w2(size),
  },
  {
    id: 'W3',
    title: '10,000 new instances, ids back',
    size: 10_000,
    quick: 2_000,
    undo: undoUsers,
    run: (runner, size) => runner.w3(people(size)),
  },
  {
    id: 'W4',
    title: '1,000 loaded, one field of each changed differently',
    size: 1_000,
    quick: 500,
    undo: ['update users set balance = 0, version = 1 where id <= 1000'],
    run: (runner, size) => runner.w4(size),
  },
  {
    id: 'W5a',
    title: '500 users with 10 posts each',
    size: 500,
    quick: 100,
    undo: [],
    run: (runner, size) => runner.w5a(size),
  },
  {
    id: 'W5b',
    title: 'and 3 tags for each post',
    size: 500,
    quick: 100,
    undo: [],
    run: (runner, size) => runner.w5b(size),
  },
  {
    id: 'W6',
    title: 'request mix, 32 at once over a pool of 10',
    size: 640,
    quick: 96,
    undo: [...undoPosts, `update users set balance = 0, version = 1 where id <= ${SIZES.authors}`],
    run: requests,
  },
]
