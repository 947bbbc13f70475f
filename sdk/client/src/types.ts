// What documents, filters and changes look like to TypeScript: as `import { db } from "ostro"` has them in functions.

/** A document: JSON, and dates, bytes, maps and integers of 64 bits. Fields that are undefined are left out. */
export type Document = Record<string, unknown>;
/** Collections by name: what `createClient<Schema>` is told. `ostro-client-types` makes one of a JSON Schema. */
export type AnySchema = Record<string, Document>;
/** What such a schema may be: interfaces, too. */
export type SchemaLike<Schema> = { [Name in keyof Schema]: object };
/** A document as it is found: with its `_id`. */
export type Stored<Doc> = Doc & { _id: string };
/** A document as it is stored: its `_id` is made where it has none. */
export type New<Doc> = Doc & { _id?: string };
/** Fields of which none may be undefined: those would be left out, and so mean everything. */
type Defined<Doc> = { [Name in keyof Stored<Doc>]?: {} | null };
/**
 * Which documents, in MongoDB's words: `{ age: { $gt: 18 }, "address.city": "Rome", name: /^a/i }`. What is undefined is a
 * TypeError, since without it a filter would be for everything; null matches fields that are null or not there.
 */
export type Filter<Doc> = Defined<Doc> & Record<string, {} | null>;
/** What changes, in MongoDB's words: `{ $set: { … }, $inc: { … } }`. */
export type Update<Doc> = { $set?: Partial<Doc> & Document; $unset?: Document } & { [Operator in `$${string}`]?: Document };
export type Sort = Record<string, 1 | -1> | [string, 1 | -1][];
export type Projection = Record<string, 0 | 1 | boolean | Document>;
