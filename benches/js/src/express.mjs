// The same three answers for functions-framework, in its own shape: an Express handler whose JSON body is parsed already.
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { page } from './page.jsx';

http('app', (request, response) => {
  switch (request.path) {
    case '/hello':
      return response.type('text/plain').send('Hello, World!\n');
    case '/json': {
      const { items } = request.body;
      return response.json({ items, count: items.length });
    }
    case '/page':
      return response.send(page());
    default:
      return response.status(404).send('not found\n');
  }
});

// The framework's own command listens on every address of the machine; its server for tests is the same one without that.
const [host, port] = process.argv[2].split(':');
getTestServer('app').listen(Number(port), host);
