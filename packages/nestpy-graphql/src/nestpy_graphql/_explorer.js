"use strict";

const url = new URL(window.location.pathname, window.location.origin);
const socket = new URL(url);
socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: url.href, subscriptionUrl: socket.href }),
    shouldPersistHeaders: false,
  }),
);
