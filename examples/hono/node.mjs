// The same application under Node, on PORT (3000 unless set): src/app.js knows nothing of either.
import { serve } from '@hono/node-server';
import app from './src/app.js';

const port = Number(process.env.PORT ?? 3000);
serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (info) => console.log(`http://127.0.0.1:${info.port}/`));
