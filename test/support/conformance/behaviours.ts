/** A family of behaviours that the tests prove, each by its id at the start of a test's name. */
export interface BehaviourSection {
  readonly name: string
  readonly title: string
  readonly numbers: readonly string[]
}

function section(name: string, title: string, numbers: string): BehaviourSection {
  return { name, title, numbers: numbers.split(' ') }
}

/** Every behaviour that has an id. A test may name several: `SES-001 SES-002 a new session …`. */
export const sections: readonly BehaviourSection[] = [
  section(
    'SES',
    'sessions: identity, attaching and detaching, autoflush',
    '001 002 004 005 006 007 009 010 011 012 014 015 016 017 019 020 021 022 024 025 026 027 029 030 031 032 035 036 037 039',
  ),
  section(
    'TXN',
    'transactions, savepoints, and records after a rollback',
    '001 002 003 005 006 007 008 010 011 012 013 015 016 017 018 020 021 022 023 025 026 027 028 030 031 032 033 035 036 037 038 040 041 042 043 045 046',
  ),
  section('SCOPE', 'scopes and registries', '001 002 004 005 006 007 009 010 011 012 014 015'),
  section('GUARD', 'concurrent and re-entrant use', '001 002 004 005 006 007 009 010 011 012 014 015 016'),
  section(
    'UOW',
    'the order and number of statements of a flush',
    '001 003 004 005 006 008 009 010 011 013 014 015 016 018 019 020 021 023 024 025 026 028 029 030 031 033 034 035 036 038 039 040 041 043 044',
  ),
  section(
    'CASC',
    'cascades and orphans',
    '001 002 004 005 006 007 009 010 011 012 014 015 016 017 019 020 021 022 024 025 026 027',
  ),
  section(
    'LOAD',
    'loading relations',
    '002 003 004 005 007 008 009 010 012 013 014 015 017 018 019 020 022 023 024 025',
  ),
  section('MERGE', 'merging detached instances', '001 002 003 004 006 007 008 009 011'),
  section('EXP', 'expiring and refreshing', '001 002 003 005 006 007 008 010 011 012'),
  section('BREF', 'two-way relations in memory', '001 003 004 005 006'),
  section('VER', 'version columns', '001 002 003 004 006 007 008 009'),
  section('EVT', 'events', '002 003 004 005 007 008'),
  section('POOL', 'the connection pool', '001 002 004 005 006 007 009 010 011 012 014 015 016 017'),
  section('DISC', 'lost connections', '001 002 003 004 006 007 008 009'),
  section('LOCK', 'row locks', '002 003'),
  section('ASYNC', 'asynchronous use', '001 002 004 005 006'),
  section('BULK', 'updates and deletes by criteria', '001 003'),
  section('BIND', 'the choice of an engine', '001'),
]

/** All ids, in order. */
export const behaviourIds: readonly string[] = sections.flatMap(({ name, numbers }) =>
  numbers.map((number) => `${name}-${number}`),
)
