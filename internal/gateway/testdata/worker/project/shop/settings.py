WSGI_APPLICATION = 'shop.wsgi.application'
