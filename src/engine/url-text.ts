/** The text of a URL taken apart and put together, without knowledge of any scheme. */

/** The raw parts of a URL's text; everything is decoded. An absent part is undefined, an empty one ''. */
export interface TextParts {
  readonly scheme: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly host: string | undefined
  readonly port: number | undefined
  /** What follows the slash after the host; undefined where there is no such slash. */
  readonly path: string | undefined
  readonly query: Readonly<Record<string, string>>
}

/** Why a text is no URL, as a sentence without a subject. Never contains a part that may be a password. */
export class UrlProblem {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const SECRET_KEY = /pass|pwd|secret|token/i
const MASK = '***'

/** Whether the value of a query parameter must not be shown. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key)
}

/** Takes a URL's text apart; throws a {@link UrlProblem}. */
export function splitUrl(text: string): TextParts {
  const start = text.indexOf('://')
  if (start < 1) throw new UrlProblem(`has no scheme: it does not begin with 'name://'`)
  const rest = text.slice(start + 3)
  const mark = rest.indexOf('?')
  const main = mark < 0 ? rest : rest.slice(0, mark)
  const { userinfo, tail } = splitUserinfo(main)
  const slash = tail.indexOf('/')
  const path = slash < 0 ? undefined : tail.slice(slash + 1)
  if (slash > 0 && path?.includes('@'))
    throw new UrlProblem(`has an '@' after its host; in a name or a password it is %40`)
  return {
    scheme: text.slice(0, start),
    ...credentials(userinfo),
    ...hostAndPort(slash < 0 ? tail : tail.slice(0, slash)),
    path: path === undefined ? undefined : decode(path, 'the database'),
    query: mark < 0 ? {} : splitQuery(rest.slice(mark + 1)),
  }
}

/**
 * Separates `user:password@` from what follows. The last '@' before the first slash ends it; where there is none there, but
 * the part after the colon cannot be a port, the password itself has a slash and ends at the next '@'.
 */
function splitUserinfo(main: string): { userinfo: string | undefined; tail: string } {
  const slash = main.indexOf('/')
  const authority = slash < 0 ? main : main.slice(0, slash)
  let end = authority.lastIndexOf('@')
  if (end < 0 && /^[^:[]*:.*\D/.test(authority)) end = main.indexOf('@')
  if (end < 0) return { userinfo: undefined, tail: main }
  return { userinfo: main.slice(0, end), tail: main.slice(end + 1) }
}

function credentials(userinfo: string | undefined): Pick<TextParts, 'user' | 'password'> {
  if (userinfo === undefined) return { user: undefined, password: undefined }
  const colon = userinfo.indexOf(':')
  const user = decode(colon < 0 ? userinfo : userinfo.slice(0, colon), 'the user')
  const password = colon < 0 ? undefined : decode(userinfo.slice(colon + 1), 'the password')
  return { user: user === '' ? undefined : user, password }
}

function hostAndPort(authority: string): Pick<TextParts, 'host' | 'port'> {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authority)
  if (!match) throw new UrlProblem(`has a host that cannot be read; an IPv6 address stands in brackets: [::1]:5432`)
  const host = match[1] ?? decode(match[2] ?? '', 'the host')
  return { host: host === '' ? undefined : host, port: portOf(match[3]) }
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new UrlProblem(
    `has a port that is no number from 1 to 65535 (where it is meant as a password, '@host' is missing after it, ` +
      `or a character of it must be percent-encoded)`,
  )
}

function splitQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null)
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 1) throw new UrlProblem(`has a query parameter that is not written as name=value`)
    const key = decode(pair.slice(0, equals).replaceAll('+', ' '), 'a query parameter')
    if (key in query) throw new UrlProblem(`has the query parameter '${key}' twice`)
    query[key] = decode(pair.slice(equals + 1).replaceAll('+', ' '), `the query parameter '${key}'`)
  }
  return query
}

function decode(text: string, part: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UrlProblem(`has a broken percent-encoding in ${part}; a percent sign itself is written %25`)
  }
}

/** Puts parts together as a text that {@link splitUrl} takes apart into the same parts. */
export function joinUrl(parts: TextParts, hidePassword: boolean): string {
  const query = Object.entries(parts.query).map(([key, value]) => {
    const shown = hidePassword && isSecretKey(key) ? MASK : encodeURIComponent(value)
    return `${encodeURIComponent(key)}=${shown}`
  })
  const path = parts.path === undefined ? '' : `/${encodePath(parts.path)}`
  const suffix = query.length > 0 ? `?${query.join('&')}` : ''
  return `${parts.scheme}://${userinfoText(parts, hidePassword)}${hostText(parts)}${path}${suffix}`
}

function userinfoText({ user, password }: TextParts, hidePassword: boolean): string {
  if (user === undefined && password === undefined) return ''
  const name = encodeURIComponent(user ?? '')
  if (password === undefined) return `${name}@`
  return `${name}:${hidePassword ? MASK : encodeURIComponent(password)}@`
}

function hostText({ host, port }: TextParts): string {
  const name = host?.includes(':') && !host.startsWith('/') ? `[${host}]` : encodeURIComponent(host ?? '')
  return port === undefined ? name : `${name}:${port}`
}

function encodePath(path: string): string {
  return encodeURIComponent(path).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%5C', '\\')
}

/** The text of a URL that may be broken, with everything in it masked that may be a password. */
export function maskUrlText(text: string): string {
  const start = text.includes('://') ? text.indexOf('://') + 3 : 0
  const mark = text.indexOf('?', start)
  const query = mark < 0 ? '' : maskQuery(text.slice(mark))
  const main = mark < 0 ? text : text.slice(0, mark)
  const at = text.lastIndexOf('@')
  const colon = text.indexOf(':', start)
  if (colon < 0 || (mark >= 0 && colon > mark)) return main + query
  if (at > mark && mark >= 0) return `${text.slice(0, colon + 1)}${MASK}${maskQuery(text.slice(at))}`
  if (at > colon) return `${main.slice(0, colon + 1)}${MASK}${main.slice(at)}${query}`
  return maskPort(main, start) + query
}

/** Without an '@', what stands where a port stands is shown only where it is one. */
function maskPort(main: string, start: number): string {
  const match = /^([^/[]*?|\[[^\]]*\]):([^/]+)(.*)$/.exec(main.slice(start))
  if (!match || start === 0) return main
  const port = Number(match[2])
  return port >= 1 && port <= 65_535 ? main : `${main.slice(0, start)}${match[1]}:${MASK}${match[3]}`
}

function maskQuery(text: string): string {
  return text.replace(/([?&])([^=&]*)=([^&]*)/g, (whole, lead: string, key: string) =>
    isSecretKey(key) ? `${lead}${key}=${MASK}` : whole,
  )
}
