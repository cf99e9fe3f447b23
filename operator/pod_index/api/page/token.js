// A bearer token, where the service takes one. The tab has it until it is closed.

let token = sessionStorage.token;
const credentials = () => (token ? { Authorization: `Bearer ${token}` } : {});

// After a 401: the token is wrong, and there may be a form for another one.
function dropToken(takesTokens) {
  sessionStorage.token = token = "";
  $("login").hidden = !takesTokens;
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.token = token = $("token").value.trim();
  $("token").value = "";
  $("login").hidden = true;
  begin();
});
