import { NoResultError } from '../errors.ts'

/** Which page is asked for. */
export interface PaginateOptions {
  /** Counted from 1. Default: 1. */
  readonly page?: number
  /** Default: 20. */
  readonly perPage?: number
  /** More than these are never given, whatever `perPage` says. Default: 100. */
  readonly maxPerPage?: number
  /** Whether to count all rows, by a second statement. Default: true. */
  readonly count?: boolean
  /** Whether a page beyond the last one is an error; otherwise it is empty. Default: true. */
  readonly errorOut?: boolean
}

/** How many page numbers `iterPages()` shows, and where. */
export interface PageEdges {
  /** At the beginning. Default: 2. */
  readonly leftEdge?: number
  /** Before the current page. Default: 2. */
  readonly leftCurrent?: number
  /** From the current page on, itself not counted. Default: 4. */
  readonly rightCurrent?: number
  /** At the end. Default: 2. */
  readonly rightEdge?: number
}

/** Gives the items of one page. */
type Turn<Item> = (page: number) => Promise<Page<Item>>

/** What a page was made from. */
export interface PageContents<Item> {
  readonly items: Item[]
  readonly page: number
  readonly perPage: number
  readonly total: number | undefined
}

/**
 * One page of a result: its items, and where it stands among the others.
 *
 * @example
 * const page = await session.query(User).orderBy('name').paginate({ page: 3, perPage: 20 })
 * console.log(page.items.length, page.total, page.pages, page.hasNext)
 */
export class Page<Item> {
  readonly items: Item[]
  /** Counted from 1. */
  readonly page: number
  readonly perPage: number
  /** Of all pages; undefined where they were not counted. */
  readonly total: number | undefined
  readonly #turn: Turn<Item>

  /** @internal Queries make them: `query.paginate()`. */
  constructor({ items, page, perPage, total }: PageContents<Item>, turn: Turn<Item>) {
    this.items = items
    this.page = page
    this.perPage = perPage
    this.total = total
    this.#turn = turn
  }

  /** How many pages there are; undefined where the rows were not counted. */
  get pages(): number | undefined {
    return this.total === undefined ? undefined : Math.ceil(this.total / this.perPage)
  }

  /** The number of the first item among all, counted from 1; 0 on an empty page. */
  get first(): number {
    return this.items.length === 0 ? 0 : (this.page - 1) * this.perPage + 1
  }

  /** The number of the last item. */
  get last(): number {
    return this.items.length === 0 ? 0 : this.first + this.items.length - 1
  }

  get hasPrev(): boolean {
    return this.page > 1
  }

  /** Whether there is a page after this one; where nothing was counted, whether this one is full. */
  get hasNext(): boolean {
    return this.pages === undefined ? this.items.length === this.perPage : this.page < this.pages
  }

  /** The number of the page before; null on the first. */
  get prevNum(): number | null {
    return this.hasPrev ? this.page - 1 : null
  }

  /** The number of the page after; null on the last. */
  get nextNum(): number | null {
    return this.hasNext ? this.page + 1 : null
  }

  /** Reads the page before. @throws NoResultError on the first page */
  prev(): Promise<Page<Item>> {
    return this.#to(this.prevNum, 'before the first')
  }

  /** Reads the page after. @throws NoResultError on the last page */
  next(): Promise<Page<Item>> {
    return this.#to(this.nextNum, 'after the last')
  }

  async #to(page: number | null, where: string): Promise<Page<Item>> {
    if (page === null)
      throw new NoResultError(`Page ${this.page}: there is no page ${where}; ask hasPrev and hasNext first.`)
    return this.#turn(page)
  }

  /** The numbers of pages to show as links, null where some are left out: 1 2 null 7 8 9 10 null 19 20. */
  *iterPages({
    leftEdge = 2,
    leftCurrent = 2,
    rightCurrent = 4,
    rightEdge = 2,
  }: PageEdges = {}): Generator<number | null> {
    const { pages = this.page, page } = this
    let last = 0
    for (let number = 1; number <= pages; number++) {
      const nearCurrent = number >= page - leftCurrent && number <= page + rightCurrent
      if (number > leftEdge && !nearCurrent && number <= pages - rightEdge) continue
      if (number - last > 1) yield null
      yield number
      last = number
    }
  }

  /** `for (const item of page)`. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.items[Symbol.iterator]()
  }
}
