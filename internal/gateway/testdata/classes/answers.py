"""Responses of every kind, good and bad, by the second segment."""

import io
import os
import time

import _private


class Answers:
    def GET(self):
        answer = getattr(self, 'answer_' + self.env['path_info'].split('/')[2])
        return answer()

    def answer_text(self):
        return 'Grüße'

    def answer_plain(self):
        self.send_response('Grüße', headers={'content-type': 'text/plain', 'Content-Length': len('Grüße')})

    def answer_latin(self):
        self.send_response('Grüße'.encode('latin-1'), headers={'Content-Type': 'text/plain; charset=iso-8859-1'})

    def answer_bytes(self):
        return b'\x00\xff'

    def answer_blocks(self):
        for n in range(3):
            yield 'ü%d ' % n if n % 2 else b'%d ' % n

    def answer_blocks_sent(self):
        self.send_response(['a', b'b', 'ü'], 202)

    def answer_file(self):
        self.send_response(open(__file__, 'rb'), headers={'Content-Type': 'text/x-python'})

    def answer_memory(self):
        return io.BytesIO(b'in memory')

    def answer_timeout(self):
        self.send_timeout()

    def answer_number(self):
        self.send_response(None, 404)

    def answer_helper(self):
        return _private._private().GET()

    def answer_nothing(self):
        pass

    def answer_twice(self):
        self.send_response('first')
        self.send_response('second')

    def answer_dict(self):
        return {'a': 1}

    def answer_split(self):
        self.send_response('', headers={'X-Name': 'a\r\nSet-Cookie: b=c'})

    def answer_async(self):
        async def later():
            return 'later'
        answer = later()
        answer.close()
        return answer

    def answer_exit(self):
        raise SystemExit(3)

    def answer_die(self):
        os._exit(3)

    def answer_stuck(self):
        time.sleep(3600)
