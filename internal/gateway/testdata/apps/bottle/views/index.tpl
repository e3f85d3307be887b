<!doctype html>
<title>Library</title>
<p>Visit {{visits}}</p>
% for shelf in ["A & B", "C"]:
<p>{{shelf}}</p>
% end
