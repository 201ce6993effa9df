/** Pages by number, at most so many: the one that has been unused for longest makes room. */
export class PageCache<T> {
  // A map keeps the order in which its keys were added: the first is the one unused for longest.
  private readonly pages = new Map<number, T>()

  constructor(private readonly most: number) {}

  has(page: number): boolean {
    return this.pages.has(page)
  }

  get(page: number): T | undefined {
    const found = this.pages.get(page)
    if (found !== undefined) this.set(page, found)
    return found
  }

  set(page: number, content: T) {
    this.pages.delete(page)
    this.pages.set(page, content)
    const oldest = this.pages.keys().next()
    if (this.pages.size > this.most && !oldest.done) this.pages.delete(oldest.value)
  }
}
