// NestJS with Apollo on Fastify, resolvers as plain functions: Nest's own layers around resolvers would cost more.
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { GraphQLModule } = require('@nestjs/graphql');
const { ApolloDriver } = require('@nestjs/apollo');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const DataLoader = require('dataloader');

const users = Array.from({ length: 100 }, (_, id) => ({
  id,
  name: `User ${id}`,
  email: `user${id}@example.com`,
  orgId: id % 10,
}));
const typeDefs = `
  type Query { hello: String! users: [User!]! }
  type User { id: Int! name: String! email: String! orgId: Int! org: Org }
  type Org { id: Int! name: String! }
`;
const resolvers = {
  Query: { hello: async () => 'world', users: async () => users },
  User: { org: async (user, _, context) => context.orgs.load(user.orgId) },
};
const load = async (keys) => keys.map((id) => ({ id, name: `Organisation ${id}` }));

class AppModule {}
Module({
  imports: [
    GraphQLModule.forRoot({
      driver: ApolloDriver,
      typeDefs,
      resolvers,
      playground: false,
      context: () => ({ orgs: new DataLoader(load) }),
    }),
  ],
})(AppModule);

async function main() {
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  await app.listen(process.env.PORT, '127.0.0.1');
}

main();
