/** @jsxImportSource preact */
// What the pages are made of.

/** The frame around every page. */
export function Page({ title, style, script, children }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>{title}</title>
        <link rel="stylesheet" href={style} />
        <script type="module" src={script} />
      </head>
      <body>
        <main>{children}</main>
      </body>
    </html>
  );
}

/** All books that match, and the field that filters them. */
export function List({ books, wanted }) {
  return (
    <>
      <h1>Books</h1>
      <form>
        <input type="search" name="q" value={wanted} placeholder="Title or author" aria-label="Title or author" />
        <button>Find</button>
      </form>
      <p id="count">
        {books.length} {books.length === 1 ? 'book' : 'books'}
      </p>
      <ul>
        {books.map((book) => (
          <li key={book.id}>
            <a href={`/books/${book.id}`}>{book.title}</a> <small>{book.author}, {book.year}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

/** One book. */
export function Detail({ book }) {
  return (
    <article>
      <h1>{book.title}</h1>
      <p>
        {book.author}, {book.year}
      </p>
      <p>
        <a href="/">All books</a>
      </p>
    </article>
  );
}

/** What is not there. */
export function Missing() {
  return (
    <>
      <h1>Not found</h1>
      <p>
        <a href="/">All books</a>
      </p>
    </>
  );
}
