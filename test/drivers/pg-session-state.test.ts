import { describe, expect, it } from 'vitest'
import { mayLeaveState } from '../../src/drivers/server-state.ts'

describe('a statement that leaves nothing on its session', () => {
  it.each([
    'select * from "users" where "id" in ($1, $2) and ("a" = $3 or "b" is null)',
    'select count(*), max("a"), coalesce(b, 1)::numeric(10, 2) from t group by (a)',
    'insert into "users" ("name", "age") values ($1, $2) on conflict do nothing returning "id"',
    'insert into `shop`.`users` (`name`) values (?), (?)',
    'update "users" set "name" = $1 where exists (select 1 from t)',
    'delete from users where id = any($1)',
    'with x as (select 1) select * from x order by row_number() over (partition by a)',
    'savepoint sp_1',
    'rollback to savepoint sp_1',
  ])('is known by its text: %s', (sql) => expect(mayLeaveState(sql)).toBe(false))
})

describe('a statement that may leave something', () => {
  it.each([
    'set search_path = x',
    'select set_config($1, $2, false)',
    'select pg_advisory_lock (42)',
    'select "my_function"(1)',
    'select größe(1)',
    'select get_lock(?, 1)',
    'select @a := 1',
    'select 1; set x = 1',
    'select pg_advisory_lock/**/(42)',
    'select a into b from c',
    'create temporary table t (id int)',
    'insert into pg_temp.t (a) values (1)',
    'insert into t (a) values (set_config($1, $2, false))',
    'listen x',
    'call p()',
    'do $$ begin end $$',
    '',
  ])('is known by its text: %s', (sql) => expect(mayLeaveState(sql)).toBe(true))
})
