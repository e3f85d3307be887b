"""Names by their numbers: GET /kv55/57330430 asks for one, POST /kv55/57330430 tells one."""

names = {'57330430': 'Zoë'}


class Kv55:
    def GET(self, env):
        number = env['path_info'].rpartition('/')[2]
        if number not in names:
            return self.send_not_found()
        self.send_response(names[number])

    def POST(self, env):
        number = env['path_info'].rpartition('/')[2]
        names[number] = env['wsgi.input'].read().decode()
        self.send_response(None, '201 Created', {'Location': env['path_info']})
