import type { PreparedServer } from '../servers/local-server.ts'

/** What the faults need to know of a server's product. */
export interface Product {
  readonly name: 'PostgreSQL' | 'MariaDB'
  /** The number of the backend that runs it. */
  readonly self: string
  /** Ends a backend. */
  kill(backend: number): string
  /** Numbers of all backends that serve a database. */
  backends(database: string): string
  /** Runs for ten seconds, unless it is stopped. */
  readonly sleep: string
  /** A table whose writers need ten seconds for their COMMIT, as long as {@link holdCommits} is in force. */
  readonly slowTable: readonly string[]
  /** On a connection of its own: no transaction that has written can commit before that connection ends. */
  readonly holdCommits: string | undefined
  /** A user with the password `right`. */
  readonly makeUser: readonly string[]
  /** Where the server has more than the test can fill: a smaller number, and the usual one. */
  readonly limitConnections: { readonly set: string; readonly lift: string } | undefined
  /** How a server ends at once and not in order. */
  readonly crash: NodeJS.Signals
  /** The URL's parameter that limits connecting to 300 ms. */
  readonly quickConnect: string
}

/** A server that the faults may harm. */
export interface Victim {
  readonly product: Product
  readonly server: PreparedServer
  /** Its version, as a run tells it. */
  version: string
}

export const postgres: Product = {
  name: 'PostgreSQL',
  self: 'select pg_backend_pid() as id',
  kill: (backend) => `select pg_terminate_backend(${backend})`,
  backends: (database) =>
    `select pid as id from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid()`,
  sleep: 'select pg_sleep(10)',
  slowTable: [
    'create table slow (id integer primary key)',
    'create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(10); return null; end $$',
    'create constraint trigger slow_commit after insert on slow deferrable initially deferred for each row execute function slowly()',
  ],
  holdCommits: undefined,
  makeUser: ["create role guest login password 'right'"],
  limitConnections: undefined,
  crash: 'SIGQUIT',
  quickConnect: 'connect_timeout=0.3',
}

export const mariadb: Product = {
  name: 'MariaDB',
  self: 'select connection_id() as id',
  kill: (backend) => `kill ${backend}`,
  backends: (database) =>
    `select id from information_schema.processlist where db = '${database}' and id <> connection_id()`,
  sleep: 'select sleep(10)',
  slowTable: ['create table slow (id integer primary key) engine = innodb'],
  holdCommits: 'flush tables with read lock',
  makeUser: ["create user guest@'%' identified by 'right'", "grant all on *.* to guest@'%'"],
  limitConnections: { set: 'set global max_connections = 10', lift: 'set global max_connections = 150' },
  crash: 'SIGKILL',
  quickConnect: 'connectTimeout=300',
}

/** Lines for PostgreSQL's pg_hba.conf: the user of {@link Product.makeUser} must give the password. */
export const guestNeedsPassword = ['host all guest 127.0.0.1/32 scram-sha-256']
