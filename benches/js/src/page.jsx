/** @jsxImportSource preact */
// A page as a shop has one: a frame and fifty rows of data.
import { renderToString } from 'preact-render-to-string';

const PRODUCTS = Array.from({ length: 50 }, (_, n) => ({
  id: n,
  name: `Product ${n} & co`,
  price: 10 + n / 4,
  tags: ['new', 'cheap', 'blue'].slice(n % 3),
}));

/** The page as HTML. */
export function page() {
  return `<!doctype html>${renderToString(<Page products={PRODUCTS} />)}`;
}

function Page({ products }) {
  return (
    <html lang="en">
      <head>
        <title>Shop</title>
      </head>
      <body>
        <h1>Shop</h1>
        <ul class="products">
          {products.map((product) => (
            <Row key={product.id} product={product} />
          ))}
        </ul>
      </body>
    </html>
  );
}

function Row({ product }) {
  return (
    <li class={product.id % 2 ? 'odd' : 'even'}>
      <a href={`/products/${product.id}`}>{product.name}</a> <b>{product.price.toFixed(2)}</b>
      {product.tags.map((tag) => (
        <span class="tag">{tag}</span>
      ))}
    </li>
  );
}
