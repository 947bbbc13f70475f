// A module in TypeScript whose error must be shown in these lines.

interface Order {
  id: number;
  total: number;
}

type Handler = (order: Order) => Promise<Response>;

const bill: Handler = async (order) => {
  if (order.total < 0) {
    throw new Error(`order ${order.id} is negative`);
  }
  return Response.json(order);
};

export default {
  fetch: async (request: Request): Promise<Response> => bill((await request.json()) as Order),
};
